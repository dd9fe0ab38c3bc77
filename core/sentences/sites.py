"""What is said of the codes of sites, their answers and addresses (`booster.exceptions.SiteCode`,
which knows no Django): the part of core/reasons.py that grows with the kinds of site.
"""

from core.sentences import _

SITE_SENTENCES: dict[str, str] = {
    # Addresses
    "on_another_site": _("This address is on %(host)s and not on %(site)s."),
    "public_platform": _(
        "%(host)s is a public platform. Plays go only to sites their operator owns."
    ),
    "private_address": _(
        "%(host)s leads to the private address %(address)s, which this office does not allow."
    ),
    "own_address": _(
        "%(host)s leads to %(address)s, an address of this office itself. If a video "
        "site really runs there, name it in PRIVATE_SITES."
    ),
    "address_too_long": _("The address is longer than %(number)s characters."),
    "address_with_spaces": _("The address contains spaces or control characters."),
    "address_with_backslash": _("The address contains a backslash."),
    "address_with_user": _("The address contains a user name or password."),
    "address_without_host": _("The address has no host."),
    "not_http": _("The address must begin with http:// or https:// and a host."),
    "host_with_percent": _("The host contains a percent sign."),
    "host_with_final_dot": _("The host ends with a dot."),
    "host_with_odd_dots": _("The host contains look-alike dots."),
    "host_with_forbidden_characters": _(
        "The host contains characters that are not allowed in a host name."
    ),
    "host_not_a_name": _("The host is not a valid name."),
    "host_not_punycode": _("The host's xn-- part is not a valid name."),
    "odd_ip_notation": _("The host is an IP address in an odd notation."),
    "brackets_do_not_match": _("The brackets of the IPv6 address do not match."),
    "ipv6_not_valid": _("The IPv6 address is not valid."),
    "ipv4_as_ipv6": _("The host is an IPv4 address written as IPv6."),
    "port_not_valid": _("The port must be a number from 1 to 65535."),
    "port_of_another_service": _("Port %(number)s belongs to a service other than the web."),
    "name_not_looked_up": _("The name %(host)s could not be looked up: %(error)s"),
    "name_without_address": _("The name %(host)s has no address."),
    # Connections
    "connection_refused": _("%(site)s refused the connection."),
    "connection_timed_out": _("%(site)s accepted no connection within %(seconds)s seconds."),
    "connection_impossible": _("%(site)s cannot be connected to: %(error)s"),
    "connection_failed": _("The connection to %(site)s failed: %(error)s"),
    "own_limit": _("This host has no room for another connection: %(error)s"),
    "certificate_not_valid": _("%(site)s has no valid certificate for this name: %(error)s"),
    "tls_failed": _("%(site)s does not speak TLS with us: %(error)s"),
    "authority_unreadable": _("This is not a certificate in PEM form: %(error)s"),
    "authority_with_key": _(
        "This contains a private key, which nobody but its owner may have. Paste only "
        "the authority's certificate, and have a new key made if this one was in use."
    ),
    "authority_is_none": _(
        "This is a server's certificate, not an authority's: paste the certificate of "
        "the authority that issued it."
    ),
    "authority_expired": _("The authority's certificate expired on %(date)s."),
    "authorities_too_many": _("At most %(most)s certificates."),
    "authority_needs_https": _("Only an address that begins with https:// has certificates."),
    # Single calls
    "call_timed_out": _("%(site)s did not finish its answer within %(seconds)s seconds."),
    "call_answered": _("%(site)s answered %(status)s %(phrase)s."),
    "call_redirected": _("%(site)s redirects to '%(location)s'; redirects are not followed."),
    "answer_compressed": _(
        "The site compressed its answer although we asked it not to; make it honour "
        "Accept-Encoding: identity."
    ),
    "answer_too_long": _("The site's answer is longer than %(bytes)s bytes."),
    "answer_not_json": _("The site's answer is not JSON."),
    # Plays
    "play_answered": _("The site answered %(status)s to a play."),
    "play_redirected": _("The site redirects plays (%(status)s) to '%(location)s'."),
    "play_timed_out": _("The site did not answer within %(seconds)s seconds."),
    "play_answer_timed_out": _("The site did not finish its answer within %(seconds)s seconds."),
    "play_answer_too_long": _("The site's answer is longer than %(bytes)s bytes."),
    "play_answered_early": _("The site answered before it had read the play."),
    "play_answer_excessive": _("The site sent more than was asked for."),
    "play_answer_not_http": _("The site's answer is not HTTP/1.1: %(error)s"),
    "play_headers_too_long": _("The site's headers are longer than %(bytes)s bytes."),
    "play_connection_broken": _("The site broke the connection before it had answered."),
    "play_connection_closed": _("The site closed the connection before it had answered."),
    "plays_failed_in_a_row": _("%(reason)s %(number)s plays in a row failed."),
    "site_asks_to_wait": _("%(reason)s It asks to wait %(seconds)s seconds."),
    "run_stopped": _("The run stopped before the answer arrived."),
    "order_stopped": _("The order was told to stop."),
    "reservation_expired": _("The time reserved for these plays ran out before they were sent."),
    # Tokens
    "token_file_unreadable": _("The file %(file)s does not show the token: %(reason)s"),
    "token_file_differs": _("The file %(file)s contains something other than the token."),
    "token_record_missing": _("%(reason)s No TXT record %(record)s contains the token."),
    "token_record_unreadable": _("%(reason)s %(error)s"),
    "shown_by_record": _("The token is in a TXT record."),
    "token_record_needs_https": _(
        "%(reason)s Over http the file is required: a TXT record shows who owns the "
        "name, but not whose machine it leads to. Place the file, or make the site "
        "reachable over https."
    ),
    "token_record_needs_certificate": _(
        "%(reason)s A TXT record counts only if the site answers over https with a "
        "certificate for its name."
    ),
    "record_not_looked_up": _("The record %(record)s could not be looked up: %(error)s"),
    # Videos and counters
    "not_a_video": _("%(path)s is not a video address; expected %(expected)s."),
    "not_a_video_id": _("'%(video)s' in this address cannot be a video's id."),
    "no_such_video": _("The site knows no video '%(video)s'."),
    "video_of_another_instance": _(
        "This video belongs to another instance, to which the views would be forwarded."
    ),
    "no_order_count": _(
        "The site's answer does not say how many plays of order %(order)s it counted."
    ),
    "no_view_count": _("The site's answer contains no view count at '%(path)s'."),
    "not_a_view_count": _("The site's view count is not a number: '%(value)s'."),
    "view_count_rounded": _(
        "The site shows '%(value)s', which is rounded; only an exact number confirms "
        "plays. Read the counter where the site shows it exactly."
    ),
    "count_marker_not_found": _(
        "The site's answer does not contain this text followed by a number."
    ),
    "value_not_found": _("The answer to the preparing step contains no '%(name)s'."),
    "value_not_sendable": _("The value of '%(name)s' cannot be sent."),
    "secret_missing": _("The recipe needs the secret '%(name)s', which is not set."),
    "view_count_cut": _(
        "The group of count_pattern matches only part of '%(value)s': make it match "
        "the whole number, as ([\\d.,]+) does."
    ),
    "count_pattern_not_found": _("Nothing in the site's answer matches count_pattern."),
    "kind_unknown": _("This release does not know sites of the kind “%(kind)s”."),
    "recipe_too_slow": _(
        "The recipe's %(field)s takes too long on this site's text; make it simpler."
    ),
    "recipe_not_valid": _("The site's recipe cannot be used: %(error)s"),
    "recipe_file_too_large": _("The file is larger than %(bytes)s bytes."),
    "recipe_file_not_json": _("The file is not JSON: %(error)s"),
    "recipe_file_without_recipe": _("The file contains no recipe."),
    # A site's week
    "week_line_too_long": _("A line here has at most %(most)s characters."),
    "quiet_line_unreadable": _("'%(line)s' cannot be read; write for example Mon-Fri 22:00-06:00."),
    "quiet_day_unknown": _("'%(line)s': '%(day)s' is not a day of the week."),
    "quiet_time_unreadable": _("'%(line)s': '%(time)s' is not a time from 00:00 to 24:00."),
    "quiet_always": _("At least one minute of the week must not be quiet."),
    "profile_of_odd_shape": _(
        "%(number)s values. Expected 24 numbers, 7 lines of 24, 24 lines of 7, or lines of "
        "weekday, hour, plays."
    ),
    "profile_day_unknown": _(
        "Line %(line)s: '%(value)s' is not a weekday; write 1 (Monday) to 7, or its name."
    ),
    "profile_hour_unknown": _("Line %(line)s: '%(value)s' is not an hour from 0 to 23."),
    "profile_number_unreadable": _("Line %(line)s: '%(value)s' is not a number of plays."),
    "profile_empty": _("At least one hour must have plays."),
    # Trials
    "trial_read": _("The counter was read: %(number)s views."),
    "trial_refused": _(
        "The site answered %(status)s to the play, which does not count as received."
    ),
    "trial_counted": _("The counter moved by one."),
    "trial_not_counted_yet": _(
        "The site accepted the play, but its counter has not moved yet. It may take up to "
        "%(seconds)s seconds."
    ),
    "trial_counted_with_others": _(
        "The site accepted one play, but its counter moved by %(moved)s: others watch there, too."
    ),
    # What a calibration found (booster/proof/calibration)
    "counts_all": _("The site counts every play."),
    "counts_nothing": _("The site accepts plays but counted none within %(seconds)s seconds."),
    "once_per_address": _(
        "The site counts an address once within about %(seconds)s seconds: in that "
        "time it counts one play of an order."
    ),
    "once_per_address_for_long": _(
        "The site counts an address once for at least %(seconds)s seconds: in that "
        "time it counts one play of an order."
    ),
    "once_per_session": _(
        "The site counts a session once: plays over one connection count as one."
    ),
    "loses_in_parallel": _(
        "The site loses about %(percent)s %% of plays that are sent at once; give it "
        "one connection."
    ),
    "counts_double": _("The site counts each play twice."),
    "lags": _("The counter shows plays about %(seconds)s seconds late."),
    "batched": _("The counter moves only about every %(seconds)s seconds."),
    "cached": _("The counter comes from a page that is kept for about %(seconds)s seconds."),
    "counts_readings": _("Reading the counter moves it."),
    "limits": _("The site accepts about %(rate)s plays per second and refuses any beyond that."),
    "needs_login": _(
        "The site answered %(status)s to the play: it requires a login, or a token from its pages."
    ),
    "refuses": _("The site answered %(status)s to the play and refuses it."),
    "organic_movement": _("Other people's views: about %(rate)s per hour."),
    "counter_wraps": _(
        "The counter fell after it had shown %(number)s: it starts again from 0, or "
        "the site removes views. Only plays that stay counted can be billed."
    ),
    "counter_rounds": _(
        "The site shows its count in steps of %(number)s; only an exact number "
        "confirms plays. Read the counter where the site shows it exactly."
    ),
    "counting_unclear": _(
        "It is unclear how the site counts: %(sent)s plays were received while the counter moved "
        "by %(moved)s."
    ),
}
