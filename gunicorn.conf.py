"""What gunicorn reads wherever it is started in this folder."""

#: What proxies say of the visitor is believed in one place, by PROXY_HOPS.
forwarded_allow_ips = ""
