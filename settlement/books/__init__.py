"""The money book: postings between the OEM and each partner, made from the event log."""
