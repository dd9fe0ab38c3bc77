"""What the delivery wrote down, in the reader's language.

Reasons of events and checks, remarks and refusals of addresses are kept as plain English sentences:
delivery knows no reader, and logs and exports say the same as the pages. Law: a sentence that is
not known here, and whatever a person wrote, is shown as it stands.
"""

import re
from functools import cache

from django.utils.translation import gettext, gettext_noop

# What stands in these may have spaces, and may be a sentence of its own.
FREE = frozenset({"why", "error", "text"})

_ = gettext_noop
SENTENCES = (
    # Around another sentence
    _("Given up after %(number)s attempts: %(why)s"),
    _("The counter cannot be read: %(why)s"),
    _("The order's deadline has come. %(why)s"),
    _("Several orders in a row failed, this one with: %(why)s"),
    _("%(why)s No TXT record %(record)s holds the token."),
    _("%(why)s The record %(record)s could not be looked up: %(error)s"),
    _("%(why)s and asks to wait %(seconds)s seconds"),
    _("%(why)s; %(number)s plays in a row failed"),
    # An order on its way
    _("The order's deadline has come."),
    _("An error of the office's own, see its log."),
    _("The site proved its token again."),
    _("cancel requested"),
    _("The counter lacks %(number)s plays; they are sent again."),
    _("The counter shows %(number)s of %(sent)s plays."),
    _("The counter fell by %(number)s while %(sent)s plays were received."),
    _("The counter did not move though %(sent)s plays were received."),
    _("The counter rose by %(number)s, we sent %(sent)s."),
    # Plays
    _("the site answered %(status)s to a play"),
    _("the site redirects plays (%(status)s) to %(text)s"),
    _("the site sent more than was asked for"),
    _("the site's answer is not HTTP/1.1: %(error)s"),
    _("the site's headers are longer than %(bytes)s bytes"),
    _("the site's answer is longer than %(bytes)s bytes"),
    _("the site answered before it had read the play"),
    _("the site did not answer wholly within %(seconds)s seconds"),
    _("the site did not answer within %(seconds)s seconds"),
    _("the site broke the connection before it had answered"),
    _("the site closed the connection before it had answered"),
    _("the run stopped before the answer came"),
    _("the order was told to stop"),
    _("the time reserved for these plays ran out before they were sent"),
    _("%(site)s refused the connection"),
    _("%(site)s accepted no connection within %(seconds)s seconds"),
    _("%(site)s cannot be connected to: %(error)s"),
    # Single calls
    _("%(site)s redirects to %(text)s; redirects are not followed."),
    _("%(site)s answered %(text)s."),
    _("%(site)s did not answer wholly within %(seconds)s seconds."),
    _("%(site)s has no valid certificate for this name: %(error)s"),
    _("%(site)s does not speak TLS with us: %(error)s"),
    _("%(site)s refused the connection."),
    _("The connection to %(site)s failed: %(error)s"),
    _("The site's answer is compressed, which was not asked for."),
    _("The site's answer is longer than %(bytes)s bytes."),
    # Tokens
    _("The file %(file)s does not show the token: %(why)s"),
    _("The file %(file)s holds something else than the token."),
    _("The record %(record)s could not be looked up: %(error)s"),
    # Videos and counters
    _("The site's answer is not JSON."),
    _("This video belongs to another instance, which the views would be sent on to."),
    _("The site's answer holds no view count at %(text)s."),
    _("The site's answer holds nothing that matches count_pattern."),
    _("What the site gives as its view count is none: %(text)s."),
    _("The recipe's %(field)s takes too long on this site's text; make it simpler."),
    _("%(text)s is not a video address; expected %(error)s."),
    _("The site knows no video %(text)s."),
    _("%(text)s in this address cannot be a video's id."),
    # Addresses
    _("This address is on %(host)s and not on %(site)s."),
    _("%(host)s is a public platform. Plays go only to sites their operator owns."),
    _("%(host)s leads to the private address %(address)s, which this office does not allow."),
    _("The address is longer than %(number)s characters."),
    _("The address holds spaces or control characters."),
    _("The address holds a backslash."),
    _("The address must begin with http:// or https:// and a host."),
    _("The address holds a user name or password."),
    _("The host holds a percent sign."),
    _("The brackets of the IPv6 address do not match."),
    _("The port must be a number from 1 to 65535."),
    _("Port %(number)s belongs to another service than the web."),
    _("The IPv6 address is not valid."),
    _("The host is an IPv4 address written as IPv6."),
    _("The address has no host."),
    _("The host ends with a dot."),
    _("The host is not a valid name."),
    _("The host is an IP address in an odd notation."),
    _("The host holds look-alike dots."),
    _("The host holds characters that no host name may hold."),
    _("The host's xn-- part is not a valid name."),
    _("The name %(host)s could not be looked up: %(error)s."),
    _("The name %(host)s has no address."),
)


def said(text: str) -> str:
    """The sentence in the language in force, with what it quotes."""
    for sentence, pattern in _patterns():
        if match := pattern.fullmatch(text):
            return gettext(sentence) % {
                name: said(value) if name in FREE else value
                for name, value in match.groupdict().items()
            }
    return text


def is_known(text: str) -> bool:
    return any(pattern.fullmatch(text) for _sentence, pattern in _patterns())


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((sentence, _pattern(sentence)) for sentence in SENTENCES)


def _pattern(sentence: str) -> re.Pattern[str]:
    # Every other part is the name of a placeholder.
    parts = re.split(r"%\((\w+)\)s", sentence)
    parts[::2] = map(re.escape, parts[::2])
    parts[1::2] = [
        f"(?P<{name}>.+)" if name in FREE else rf"(?P<{name}>\S+)" for name in parts[1::2]
    ]
    return re.compile("".join(parts), re.DOTALL)
