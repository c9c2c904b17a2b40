"""The members' storefront."""
