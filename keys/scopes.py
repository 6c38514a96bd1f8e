"""What a key may be allowed to do, in Portkey's words: exact strings, where `list` does not imply `read`."""

EDIT = ("create", "read", "update", "delete", "list")

FAMILIES: dict[str, tuple[str, ...]] = {
    "completions": ("write",),
    "prompts": (*EDIT, "publish", "render"),
    "configs": EDIT,
    "guardrails": (*EDIT, "invoke"),
    "virtual_keys": (*EDIT, "duplicate", "copy"),
    "providers": EDIT,
    "policies": EDIT,
    "organisation_integrations": EDIT,
    "workspace_integrations": EDIT,
    "organisation_mcp_integrations": EDIT,
    "workspace_mcp_integrations": EDIT,
    "mcp_servers": EDIT,
    "mcp": ("invoke",),
    "workspaces": EDIT,
    "workspace_users": EDIT,
    "organisation_users": EDIT,
    "organisation_service_api_keys": (*EDIT, "rotate"),
    "workspace_service_api_keys": (*EDIT, "rotate"),
    "workspace_user_api_keys": (*EDIT, "rotate"),
    "analytics": ("view",),
    "logs": ("export", "list", "read", "view", "write"),
    "audit_logs": ("list",),
    "secret_references": EDIT,
    "organisation_settings": ("read", "update"),
    "organisation_guardrails": EDIT,
}
SCOPES = frozenset(f"{family}.{verb}" for family, verbs in FAMILIES.items() for verb in verbs)

# An organisation's key manages workspaces; it belongs to none, so it can make no call.
DATA_PLANE = frozenset({"completions.write", "prompts.render", "mcp.invoke"})

# What a workspace's key can do unless it is told otherwise: make calls, and see what it needs for them.
DEFAULT = ("completions.write", "prompts.render", "virtual_keys.list", "logs.write", "logs.view", "logs.read")
