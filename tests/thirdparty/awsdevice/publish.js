// SPDX-License-Identifier: Apache-2.0
// What a device with AWS's SDK does from then on: it connects as itself and publishes.
//
// usage: node publish.js mqtt5|mqtt311 HOST PORT CLIENT-ID ROOT CERTIFICATE KEY TOPIC TEXT
"use strict";
const { connect } = require("./connect");

async function main([way, host, port, clientId, root, certificate, key, topic, text]) {
    const connection = await connect(way, { host, port: Number(port), clientId, root, certificate, key });
    await connection.publish(topic, text);
    await connection.leave();
}

main(process.argv.slice(2)).then(() => process.exit(0), (error) => { console.log(String(error)); process.exit(1); });
