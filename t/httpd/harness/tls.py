# SPDX-License-Identifier: Apache-2.0
"""A certificate of one's own for a test's mod_ssl."""

import subprocess


def self_signed(folder, name="localhost"):
    """Lines for a vhost: the engine on, a fresh key and certificate."""
    key, certificate = folder / f"{name}.key", folder / f"{name}.crt"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
         f"/CN={name}", "-keyout", key, "-out", certificate],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return (f"SSLEngine on\nSSLCertificateFile {certificate}\n"
            f"SSLCertificateKeyFile {key}")
