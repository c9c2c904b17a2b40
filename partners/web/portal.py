"""The partner portal: all its pages, under its two routers."""

from litestar import Router

from partners.web import account, company, credentials, entering, joining, people
from partners.web.frame import portal_router


def routes() -> list[Router]:
    """Return the pages for strangers, and those for signed-in people."""
    return [
        portal_router(
            entering.sign_in_form,
            entering.sign_in,
            entering.code_form,
            entering.enter_code,
            company.begin,
            company.callback,
            company.find_company,
            joining.join_form,
            joining.join_deed,
            joining.forgotten_form,
            joining.forgotten,
            joining.new_password_form,
            joining.new_password,
            strangers=True,
        ),
        portal_router(
            entering.sign_out,
            account.portal,
            account.account,
            account.end_one,
            account.end_others,
            account.password,
            account.second_factor_form,
            account.second_factor,
            people.people,
            people.invite_somebody,
            people.person,
            people.change_person,
            people.deed,
            credentials.credentials,
            credentials.make,
            credentials.deed,
        ),
    ]
