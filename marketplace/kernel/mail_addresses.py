"""Mail addresses that can receive a message, in the form in which they are stored and compared. Pure: no server is asked.

Our mailer speaks plain SMTP, so the local part is ASCII (no SMTPUTF8, RFC 6531). The domain may be internationalised and is
stored in its ASCII form (IDNA). Domains that never receive mail are refused: `.invalid`, `.localhost`, `.test`, `.local`,
`.onion`, `.arpa` (RFC 6761, 6762, 7686). `.example` passes: documentation and demos use it, and nothing is delivered to it.
"""

from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email

from marketplace.kernel.letters import Words, complaint
from marketplace.kernel.typed_text import typed_address, typed_plain

_NO_ADDRESS = ("须为邮箱地址，如 li.na@example.com。", "must be an e-mail address such as li.na@example.com.")
_MAILBOX = (
    "邮箱 @ 之前的部分只能用英文字母、数字以及 . _ - + 等符号，如 li.na@example.com。",
    "may have only unaccented letters, digits and signs such as . _ - + before the @, as in li.na@example.com.",
)
_NO_MAIL = (
    "此域名收不到邮件，请使用真实的邮箱地址。",
    "has a domain that receives no mail; give an address that does.",
)
_DOMAIN = ("邮箱 @ 之后须为有效的域名，如 example.com。", "must have a domain after the @, such as example.com.")


def mail_address(text: str) -> str | None:
    """Return the address in the form that messages are sent to, or None if it cannot receive any."""
    plain = typed_plain(text).replace("\u3002", ".")
    if " " in plain:
        return None
    try:
        return validate_email(plain, allow_smtputf8=False, check_deliverability=False, strict=True).ascii_email
    except EmailNotValidError:
        return None


def address_refusal(text: str) -> Words | None:
    """Return why the address cannot receive a message, in both languages, or None."""
    if text != text.strip():
        return "开头和结尾不能有空白。", "must not begin or end with a space."
    if (unseen := complaint(text)) is not None:
        return unseen
    if mail_address(text) is not None:
        return None
    mailbox, _, domain = typed_plain(text).replace("\u3002", ".").rpartition("@")
    if not mailbox or not domain or " " in mailbox + domain:
        return _NO_ADDRESS
    if mail_address(f"{mailbox}@example.com") is None:
        return _MAILBOX
    last = domain.rpartition(".")[2].lower()
    return _NO_MAIL if "." not in domain or last in SPECIAL_USE_DOMAIN_NAMES else _DOMAIN


def address_key(text: str) -> str:
    """Return the key to look an address up by: lower case, since addresses that differ in case only reach the same mailbox."""
    plain = typed_address(text)
    return (mail_address(plain) or plain).lower()
