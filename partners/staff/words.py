"""Messages to a partner's people: Chinese first, then English, since their language is not known yet."""


def invitation_mail(name: str, partner_zh: str, partner_en: str, link: str, address: str = "") -> tuple[str, str]:
    """Return subject and text of an invitation; `address` is the sign-in page of a company with its own provider."""
    zh = f"贵公司使用自己的登录服务，以后请从这里登录（请收藏）：\n\n{address}\n\n" if address else ""
    en = (
        f"Your company uses its own sign-in. From then on, sign in here (please bookmark it):\n\n{address}\n\n"
        if address
        else ""
    )
    return (
        f"邀请您加入{partner_zh} · Your invitation to {partner_en}",
        f"""{name}，您好：

{partner_zh}邀请您使用权益平台的合作方门户。请在 7 天内打开下面的链接，设置登录方式：

{link}

{zh}链接只能使用一次。如果您没有预期收到这封邮件，请忽略它。

--

Hello {name},

{partner_en} invites you to the partner portal of the benefits marketplace. Please open this link within
seven days to choose how you sign in:

{link}

{en}The link works once. If you did not expect this message, please ignore it.
""",
    )


def company_mail(name: str, partner_zh: str, partner_en: str, address: str) -> tuple[str, str]:
    """Return subject and text of the message with a company's sign-in address."""
    return (
        f"登录地址（{partner_zh}）· Where to sign in ({partner_en})",
        f"""{name}，您好：

{partner_zh}的人员用公司账号登录合作方门户，地址如下（请收藏）：

{address}

如果不是您本人查询，请忽略这封邮件。

--

Hello {name},

People of {partner_en} sign in to the partner portal with the company's account, at this address (please bookmark it):

{address}

If you did not ask for this, please ignore this message.
""",
    )


def password_mail(name: str, partner_zh: str, partner_en: str, link: str) -> tuple[str, str]:
    """Return subject and text of the message with a link to a new password."""
    return (
        f"重设密码（{partner_zh}）· A new password ({partner_en})",
        f"""{name}，您好：

有人为您在{partner_zh}的账号申请重设密码。请在 1 小时内打开链接，设置新密码：

{link}

登录时仍需要验证器中的验证码。如果不是您本人申请，请忽略，原密码继续有效。

--

Hello {name},

Somebody requested a new password for your account at {partner_en}. Open this link within an hour to choose one:

{link}

Signing in still needs the code of your authenticator app. If you did not request it, please ignore this message: your
current password stays valid.
""",
    )
