# What netctl's token needs for the stack 'shop' with the service 'web', the external service 'mail', and keys below
# 'shop/'. It is read by the agent as well: netctl registers services with this token.
agent_prefix "" { policy = "read" }
node_prefix "" { policy = "read" }
service_prefix "" { policy = "read" }
service "web" { policy = "write" }
service "mail" { policy = "write" }
node "shop-mail" { policy = "write" }
key_prefix "shop/" { policy = "write" }
key_prefix "netctl/shop/" { policy = "write" }
