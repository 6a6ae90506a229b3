# Every service's image, one target a service: docker build --target api-gateway --tag storefront/api-gateway .
# `make images` builds all. Where packages come through a mirror, hand pip's configuration in as a secret, which no
# layer keeps: --secret id=pip.conf,src=... (and id=ca.crt, which it may name as /run/secrets/ca.crt).

ARG PYTHON_IMAGE=python:3.11-slim

# The pinned packages as wheels: each is checked against the lock's hashes, and none is compiled here.
FROM ${PYTHON_IMAGE} AS wheels
WORKDIR /build
COPY requirements.lock .
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf --mount=type=secret,id=ca.crt --mount=type=cache,target=/root/.cache/pip \
    pip download --quiet --require-hashes --only-binary=:all: --no-deps --dest wheels --requirement requirements.lock

# What the services need of others: one layer for all, which changes with the lock file only.
FROM wheels AS dependencies
COPY tools/images/runtime_requirements.py .
COPY service-kit/pyproject.toml service-kit/
COPY api-gateway/pyproject.toml api-gateway/
COPY inventory-service/pyproject.toml inventory-service/
COPY pricing-service/pyproject.toml pricing-service/
COPY identity-service/pyproject.toml identity-service/
RUN python -m venv --without-pip /opt/storefront \
    && python runtime_requirements.py ./*/pyproject.toml > runtime.txt \
    && pip --python /opt/storefront/bin/python install --quiet --no-index --find-links wheels --no-cache-dir --no-compile --requirement runtime.txt \
    # Checked by nobody later, since an image does not change: so a start compiles nothing and the layer is the same each time.
    && python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/storefront/lib \
    && mkdir -p /layer/opt && mv /opt/storefront /layer/opt/ \
    && find /layer -exec touch --no-dereference --date=@0 {} +

# The kit and each service, built from source and installed as packages: a folder a service.
FROM wheels AS house
RUN pip install --quiet --no-index --find-links wheels --constraint requirements.lock --no-cache-dir --root-user-action ignore hatchling
COPY service-kit service-kit
COPY api-gateway api-gateway
COPY inventory-service inventory-service
COPY pricing-service pricing-service
COPY identity-service identity-service
RUN pip wheel --quiet --no-index --no-deps --no-build-isolation --wheel-dir built ./service-kit ./api-gateway ./inventory-service ./pricing-service ./identity-service \
    && packages="opt/storefront/lib/python$(python -c 'import sys; print("%d.%d" % sys.version_info[:2])')/site-packages" \
    && for service in gateway inventory pricing identity; do \
        pip install --quiet --no-index --no-deps --no-cache-dir --no-compile --root-user-action ignore \
            --target "/layers/${service}/${packages}" built/storefront_servicekit-*.whl built/storefront_"${service}"-*.whl || exit 1; \
    done \
    && python -m compileall -q -j 0 --invalidation-mode unchecked-hash -s /layers /layers \
    && find /layers -exec touch --no-dereference --date=@0 {} +

# What all services' images have in common.
FROM ${PYTHON_IMAGE} AS service
# Nothing can be installed any more, and nobody is root. Numbers, since Kubernetes checks runAsNonRoot by number.
# Python's own library comes without its compiled form, and a root file system that is read-only keeps none: that would be
# a third of each start's time, and three quarters of each health check's.
RUN python -B -m pip uninstall --quiet --yes --root-user-action ignore pip setuptools wheel \
    && groupadd --gid 10001 storefront \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin --no-log-init storefront \
    && python -m compileall -q -j 0 --invalidation-mode unchecked-hash -x '/(ensurepip|idlelib|lib2to3|test|tkinter|turtledemo)/' \
        "$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')"
COPY --from=dependencies /layer /
ENV PATH=/opt/storefront/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    SERVICE_HOST=0.0.0.0
WORKDIR /app
USER 10001:10001
STOPSIGNAL SIGTERM
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
ENV SERVICE_VERSION=${VERSION}
LABEL org.opencontainers.image.vendor="Storefront Gateway" \
    org.opencontainers.image.licenses="MIT" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}" \
    org.opencontainers.image.created="${CREATED}"

FROM service AS inventory-service
LABEL org.opencontainers.image.title="storefront/inventory-service" \
    org.opencontainers.image.description="Products, stock, reservations and the ledger of movements"
COPY --from=house /layers/inventory /
EXPOSE 8001
HEALTHCHECK --interval=10s --timeout=3s --retries=3 --start-period=60s --start-interval=1s \
    CMD ["python", "-m", "servicekit.probe", "http://127.0.0.1:8001/health/ready"]
ENTRYPOINT ["python", "-m", "servicekit.launch", "inventory"]
CMD ["serve"]

FROM service AS pricing-service
LABEL org.opencontainers.image.title="storefront/pricing-service" \
    org.opencontainers.image.description="Prices with their history, discounts and quotes"
COPY --from=house /layers/pricing /
EXPOSE 8002
HEALTHCHECK --interval=10s --timeout=3s --retries=3 --start-period=60s --start-interval=1s \
    CMD ["python", "-m", "servicekit.probe", "http://127.0.0.1:8002/health/ready"]
ENTRYPOINT ["python", "-m", "servicekit.launch", "pricing"]
CMD ["serve"]

FROM service AS identity-service
LABEL org.opencontainers.image.title="storefront/identity-service" \
    org.opencontainers.image.description="Users, service clients, tokens and signing keys"
COPY --from=house /layers/identity /
EXPOSE 8003
HEALTHCHECK --interval=10s --timeout=3s --retries=3 --start-period=60s --start-interval=1s \
    CMD ["python", "-m", "servicekit.probe", "http://127.0.0.1:8003/health/ready"]
ENTRYPOINT ["python", "-m", "servicekit.launch", "identity"]
CMD ["serve"]

FROM service AS api-gateway
LABEL org.opencontainers.image.title="storefront/api-gateway" \
    org.opencontainers.image.description="The one API in front of the shop: catalog, orders, accounts"
COPY --from=house /layers/gateway /
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --retries=3 --start-period=60s --start-interval=1s \
    CMD ["python", "-m", "servicekit.probe", "http://127.0.0.1:8000/health/ready"]
ENTRYPOINT ["python", "-m", "servicekit.launch", "gateway"]
CMD ["serve"]
