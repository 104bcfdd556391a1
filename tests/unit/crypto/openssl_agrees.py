#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Asks the openssl command line about everything lib/crypto writes.
usage: openssl_agrees.py WRITE_SAMPLES TYPE"""
import os
import subprocess
import sys
import tempfile


def openssl(*words):
    done = subprocess.run(["openssl", *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"openssl {' '.join(words)}\n{done.stdout}{done.stderr}")
    return (done.stdout + done.stderr).replace("CN = ", "CN=")  # before 3.2 with blanks


def refuses(*words):
    if subprocess.run(["openssl", *words], capture_output=True, check=False).returncode == 0:
        sys.exit(f"openssl {' '.join(words)}: should have been refused")


def has(text, *parts):
    for part in parts:
        if part not in text:
            sys.exit(f"missing {part!r} in:\n{text}")


def check_chains():
    chain = ["-x509_strict", "-CAfile", "root.pem", "-untrusted", "issuing.pem"]
    openssl("verify", "-x509_strict", "-CAfile", "root.pem", "issuing.pem")
    openssl("verify", *chain, "-purpose", "sslclient", "device.pem")
    openssl("verify", *chain, "-purpose", "sslserver", "-verify_hostname", "localhost", "server.pem")
    openssl("verify", *chain, "-purpose", "sslserver", "-verify_ip", "127.0.0.1", "server.pem")
    refuses("verify", *chain, "-purpose", "sslserver", "device.pem")
    refuses("verify", *chain, "-purpose", "sslclient", "server.pem")


def check_text():
    root = openssl("x509", "-in", "root.pem", "-noout", "-text")
    device = openssl("x509", "-in", "device.pem", "-noout", "-text")
    has(root, "Version: 3", "Basic Constraints: critical", "CA:TRUE, pathlen:2", "Key Usage: critical",
        "Certificate Sign, CRL Sign", "Subject Key Identifier", " 20")
    has(openssl("x509", "-in", "issuing.pem", "-noout", "-text"), "CA:TRUE, pathlen:0")
    has(device, "Issuer: CN=Issuing", "Subject: CN=pump-7", "URI:urn:merlon:t:device:pump-7", "CA:FALSE",
        "Digital Signature", "TLS Web Client Authentication", "Authority Key Identifier")
    if "Serial Number: -" in device or "Serial Number:\n" in device and "(Negative)" in device:
        sys.exit("negative serial number")


def check_keys():
    plain = openssl("pkey", "-in", "key.pem", "-check")
    locked = openssl("pkey", "-in", "key-encrypted.pem", "-passin", "pass:open sesame")
    has(plain, locked.strip())
    refuses("pkey", "-in", "key-encrypted.pem", "-passin", "pass:wrong")
    has(openssl("asn1parse", "-in", "key-encrypted.pem"), "PBES2", "scrypt", "aes-256-cbc")


def check_messages():
    has(openssl("req", "-inform", "DER", "-in", "device.csr", "-noout", "-verify", "-text"), "verify OK",
        "challengePassword", "URI:urn:merlon:t:device:pump-7", "CN=pump-7")
    listed = openssl("pkcs7", "-inform", "DER", "-in", "cacerts.p7", "-print_certs")
    has(listed, "subject=CN=Issuing", "subject=CN=Root")
    openssl("cms", "-cmsout", "-inform", "DER", "-in", "cacerts.p7", "-noout", "-print")
    has(openssl("asn1parse", "-inform", "DER", "-in", "csrattrs.der"), "challengePassword")


def main():
    program, kind = os.path.abspath(sys.argv[1]), sys.argv[2]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([program, folder, kind], check=True)
        os.chdir(folder)
        check_chains()
        check_text()
        check_keys()
        check_messages()
        os.chdir("/")


main()
