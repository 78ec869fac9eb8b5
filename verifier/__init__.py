"""The verification service: authenticate, authorise, look up, evaluate, sign, record, reply; and its client."""
