"""WHIP and WHEP by hand: one POST, one DELETE."""

import urllib.error
import urllib.parse
import urllib.request


class Refused(Exception):
    """The server answered with another status than 2xx."""

    def __init__(self, status, text):
        super().__init__(f"{status}: {text[:300]}")
        self.status = status


def request(method, address, token=None, body=None, content_type=None, timeout=30):
    """Status, headers and text of the answer."""
    headers = {}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    if content_type:
        headers["Content-Type"] = content_type
    data = body.encode() if body is not None else None
    asked = urllib.request.Request(address, data=data, headers=headers, method=method)
    try:
        with urllib.request.urlopen(asked, timeout=timeout) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as error:
        raise Refused(error.code, error.read().decode(errors="replace")) from None


class Session:
    """A WHIP or WHEP session: made by an offer, ended by DELETE."""

    def __init__(self, address, token, offer):
        status, headers, self.answer = request("POST", address, token, offer, "application/sdp")
        if status != 201:
            raise Refused(status, "201 was expected")
        if headers.get_content_type() != "application/sdp":
            raise Refused(status, f"the answer is {headers.get_content_type()}")
        for name in ("Location", "ETag"):
            if not headers.get(name):
                raise Refused(status, f"no {name} header")
        self._address = urllib.parse.urljoin(address, headers["Location"])
        self._token = token

    def end(self):
        request("DELETE", self._address, self._token)
