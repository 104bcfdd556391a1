// SPDX-License-Identifier: Apache-2.0
// A connection made by the builders of AWS's SDK, with what they add of their own: user name, ALPN, keep-alive.
"use strict";
const { once } = require("events");
const { iot, mqtt, mqtt5 } = require("aws-iot-device-sdk-v2");

async function connect5(to) {
    const builder = iot.AwsIotMqtt5ClientConfigBuilder.newDirectMqttBuilderWithMtlsFromPath(to.host, to.certificate, to.key);
    builder.withCertificateAuthorityFromPath(undefined, to.root);
    builder.withPort(to.port);
    builder.withConnectProperties({ clientId: to.clientId, keepAliveIntervalSeconds: 1200 });
    const client = new mqtt5.Mqtt5Client(builder.build());
    const connected = once(client, "connectionSuccess");
    const failed = once(client, "connectionFailure").then(([event]) => { throw new Error(`no connection: ${event.error}`); });
    client.start();
    await Promise.race([connected, failed]);
    return {
        mqtt5: client,
        publish: (topicName, payload) => client.publish({ topicName, payload, qos: mqtt5.QoS.AtLeastOnce }),
        leave: async () => {
            const stopped = once(client, "stopped");
            client.stop();
            await stopped;
            client.close();
        },
    };
}

async function connect311(to) {
    const builder = iot.AwsIotMqttConnectionConfigBuilder.new_mtls_builder_from_path(to.certificate, to.key);
    builder.with_certificate_authority_from_path(undefined, to.root);
    builder.with_endpoint(to.host);
    builder.with_port(to.port);
    builder.with_client_id(to.clientId);
    builder.with_clean_session(true);
    const connection = new mqtt.MqttClient().new_connection(builder.build());
    await connection.connect();
    return {
        mqtt311: connection,
        publish: (topic, payload) => connection.publish(topic, payload, mqtt.QoS.AtLeastOnce),
        leave: () => connection.disconnect(),
    };
}

/** way: v2 and mqtt5 speak MQTT 5.0, mqtt311 speaks 3.1.1. */
exports.connect = (way, to) => way === "mqtt311" ? connect311(to) : connect5(to);
