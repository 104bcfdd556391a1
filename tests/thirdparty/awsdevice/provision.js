// SPDX-License-Identifier: Apache-2.0
// What a device with AWS's SDK does at its first start: by its claim it gets a certificate for its own request, registers, and says
// what it was told. Each way is a client that AWS's samples of fleet provisioning use.
//
// usage: node provision.js v2|mqtt5|mqtt311 HOST PORT CLIENT-ID ROOT CLAIM KEY CSR|- TEMPLATE PARAMETERS
"use strict";
const fs = require("fs");
const { iotidentity, mqtt } = require("aws-iot-device-sdk-v2");
const { connect } = require("./connect");

/** The generation with one call for request and answer. */
function asker(client) {
    const identity = iotidentity.IotIdentityClientv2.newFromMqtt5(client, {
        maxRequestResponseSubscriptions: 2, maxStreamingSubscriptions: 0, operationTimeoutInSeconds: 30
    });
    return {
        fromCsr: (request) => identity.createCertificateFromCsr(request),
        withKeys: () => identity.createKeysAndCertificate({}),
        register: (request) => identity.registerThing(request),
    };
}

/** The one before: a device subscribes to both answers, then publishes. */
function subscriber(identity) {
    async function ask(operation, request) {
        let settle;
        const answer = new Promise((accept, reject) => { settle = { accept, reject }; });
        answer.catch(() => {}); // it may come before anybody waits for it
        const refused = (error, response) => settle.reject(error ?? Object.assign(new Error("rejected"), { modeledError: response }));
        const accepted = (error, response) => error ? settle.reject(error) : settle.accept(response);
        await identity[`subscribeTo${operation}Accepted`](request, mqtt.QoS.AtLeastOnce, accepted);
        await identity[`subscribeTo${operation}Rejected`](request, mqtt.QoS.AtLeastOnce, refused);
        await identity[`publish${operation}`](request, mqtt.QoS.AtLeastOnce);
        return answer;
    }
    return {
        fromCsr: (request) => ask("CreateCertificateFromCsr", request),
        withKeys: () => ask("CreateKeysAndCertificate", {}),
        register: (request) => ask("RegisterThing", request),
    };
}

const CLIENTS = {
    v2: (connection) => asker(connection.mqtt5),
    mqtt5: (connection) => subscriber(iotidentity.IotIdentityClient.newFromMqtt5Client(connection.mqtt5)),
    mqtt311: (connection) => subscriber(new iotidentity.IotIdentityClient(connection.mqtt311)),
};

async function main([way, host, port, clientId, root, claim, key, csr, template, parameters]) {
    const connection = await connect(way, { host, port: Number(port), clientId, root, certificate: claim, key });
    const client = CLIENTS[way](connection);
    const made = csr === "-" ? await client.withKeys()
        : await client.fromCsr({ certificateSigningRequest: fs.readFileSync(csr, "utf8") });
    const thing = await client.register({
        templateName: template, certificateOwnershipToken: made.certificateOwnershipToken, parameters: JSON.parse(parameters)
    });
    await connection.leave();
    return { made, thing };
}

main(process.argv.slice(2)).then(
    (result) => { console.log(JSON.stringify(result)); process.exit(0); },
    (error) => { console.log(JSON.stringify({ error: String(error), rejected: error.modeledError })); process.exit(1); });
