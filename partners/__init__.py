"""Who may sell: partners' applications, contracts, OAuth clients."""
