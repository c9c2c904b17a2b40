"""The members' storefront: all its pages, under one router."""

from litestar import Router
from litestar.di import Provide

from benefits.web.home import home
from benefits.web.points import points
from benefits.web.shop import confirm, offer, offers, submit_redemption
from benefits.web.visitor import visitor
from benefits.web.vouchers import confirm_cancel, give_back, result, voucher, vouchers
from marketplace.web.pages import page_router


def routes() -> list[Router]:
    """Return the pages: home, offers, redeeming, vouchers, points."""
    handlers = [
        home,
        offers,
        offer,
        confirm,
        submit_redemption,
        result,
        vouchers,
        voucher,
        confirm_cancel,
        give_back,
        points,
    ]
    return [page_router("/", *handlers, dependencies={"visitor": Provide(visitor)})]
