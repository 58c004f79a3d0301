"""A certificate authority of a test's own, and what it vouches for."""

from pathlib import Path

from tests.support.namespaces import run

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


class Authority:
    """Makes directories of ``ca.pem``, ``cert.pem`` and ``key.pem``, as Docker wants them."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        self.directory = directory
        self._openssl(
            "req", "-x509", *_KEY, "-subj", "/CN=authority", "-days", "2", "-out", "ca.pem", "-keyout", "ca.key"
        )

    def issue(self, name: str, usage: str, *alternatives: str) -> Path:
        """The directory of a certificate for ``serverAuth`` or ``clientAuth``, of names such as ``IP:192.0.2.1``."""
        made = self.directory / name
        made.mkdir()
        (made / "ca.pem").write_bytes((self.directory / "ca.pem").read_bytes())
        extensions = made / "extensions"
        named = f"subjectAltName={','.join(alternatives)}\n" if alternatives else ""
        extensions.write_text(f"extendedKeyUsage={usage}\n{named}")
        self._openssl("req", *_KEY, "-subj", f"/CN={name}", "-out", f"{name}/csr", "-keyout", f"{name}/key.pem")
        signing = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", str(extensions), "-days", "2"]
        self._openssl("x509", "-req", "-in", f"{name}/csr", *signing, "-out", f"{name}/cert.pem")
        return made

    def _openssl(self, *argv: str) -> None:
        run(["sh", "-c", 'cd "$0" && exec openssl "$@"', str(self.directory), *argv])
