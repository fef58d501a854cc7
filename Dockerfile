# The server in a container: `docker build -t holdfast .`
FROM python:3.13-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN python -m venv /opt/holdfast \
 && /opt/holdfast/bin/pip install --no-cache-dir '.[server,postgres,clickhouse,grpc]' \
 && /opt/holdfast/bin/pip uninstall --yes pip

FROM python:3.13-slim
RUN useradd --uid 10001 --home-dir /var/lib/holdfast --create-home --shell /usr/sbin/nologin holdfast
COPY --from=build /opt/holdfast /opt/holdfast
ENV PATH=/opt/holdfast/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOLDFAST_HOST=0.0.0.0 \
    HOLDFAST_DATA=/var/lib/holdfast
USER 10001
WORKDIR /var/lib/holdfast
# the embedded database, where no other is named
VOLUME /var/lib/holdfast
EXPOSE 4653
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:4653/health/ready', timeout=2)"]
ENTRYPOINT ["holdfast"]
CMD ["serve"]
