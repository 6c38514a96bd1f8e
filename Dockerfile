# Gatehouse in a container, by the same steps as README.md's. Not run by us yet.
FROM python:3.12-slim

ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /srv/gatehouse

COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt

COPY . .
RUN useradd --system --uid 10001 gatehouse \
    && install -d -m 0700 -o gatehouse /var/lib/gatehouse
USER gatehouse

ENV HOST=0.0.0.0 PORT=8000 DATA_DIR=/var/lib/gatehouse
VOLUME /var/lib/gatehouse
EXPOSE 8000

HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]

# SECRET_KEY, CREDENTIAL_KEYS and ALLOWED_HOSTS come from outside, or from files: SECRET_KEY_FILE …
CMD ["gunicorn"]
