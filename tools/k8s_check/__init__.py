"""
What ``make k8s-check`` asks of the manifests below ``k8s/``, beyond what an API server would.

``rendering`` builds an overlay as kubectl does, ``schemas`` holds each object to Kubernetes' own schema, ``rules`` to
what no schema can see: that names which refer to each other meet, that times add up, that the network is open where the
services call each other and nowhere else, that every setting is one. ``scan`` asks a second opinion (kube-score).
"""
