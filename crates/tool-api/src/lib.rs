//! What a tool is: the port, its effects, the registry, approvals.
