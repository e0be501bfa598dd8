"""The controls of a new service: what puts each in force, what stands there without it, and who has to notice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = "src/order_desk"
LAYER = f"{PACKAGE}/hardening"


@dataclass(frozen=True)
class Control:
    """One control: the text that puts it in force, what stands there without it, and the tests that have to notice.

    `tests` are arguments for pytest, separated by spaces.
    """

    name: str
    file: str
    attached: str
    detached: str
    tests: str
    auth: str = "api-key"


# Every layer of stack.py, and the suite of the hardening layer that proves it.
LAYERS = {
    "RedisConnections": "test_rate_limit",
    "RequestId": "test_request_id",
    "Tracing": "test_tracing",
    "AccessLog": "test_access_log",
    "Metrics": "test_metrics",
    "SecurityHeaders": "test_security_headers",
    "Health": "test_health",
    "TrustedHosts": "test_trusted_hosts",
    "Cors": "test_cors",
    "Problems": "test_problems",
    "Authenticate": "test_authentication",
    "RateLimit": "test_rate_limit",
    "RequirePrincipal": "test_authentication",
    "LoadShedding": "test_load_shedding",
    "Timeout": "test_timeout",
    "SlowClient": "test_slow_client",
    "BodyLimit": "test_body_limit",
    "ContentType": "test_content_type",
    "Idempotency": "test_idempotency",
    "Deprecation": "test_deprecation",
    "Lifespan": "test_lifespan",
}

# Of each file and suite: name, text, and what stands there instead.
Rows = tuple[tuple[str, str, str], ...]
PARTS: dict[tuple[str, str], Rows] = {
    ("hardening/access_log.py", "hardening/test_access_log"): (
        ("sampling of errors, too", "elif self._sample_rate < 1", "if self._sample_rate < 1"),
        ("redaction of paths", 'redact_text(scope["path"])', 'scope["path"]'),
    ),
    ("hardening/logs.py", "hardening/test_logs"): (
        ("redaction of events", "        _redact_event,\n", ""),
        ("redaction in every handler", "    logging.setLogRecordFactory(_redacted_record)\n", ""),
    ),
    ("hardening/metrics.py", "hardening/test_metrics"): (
        ("bounded methods", 'scope["method"] if scope["method"] in _METHODS else "other"', 'scope["method"]'),
        ("bounded routes", "route_template(scope) or UNMATCHED", 'scope["path"]'),
    ),
    ("hardening/server.py", "hardening/test_metrics"): (
        ("metrics listener", "    with metrics_served(settings):\n", "    if metrics_served(settings):\n"),
    ),
    ("hardening/tracing.py", "hardening/test_tracing"): (
        ("spans sent at the end", "await asyncio.to_thread(self._provider.shutdown)", "await asyncio.sleep(0)"),
        ("the caller's trace", "if not request.parent_id:\n        return", "if True:\n        return"),
    ),
    ("hardening/server.py", "hardening/test_shutdown"): (("drain", "        drain.start()\n", ""),),
    ("hardening/stack.py", "hardening/test_security_headers"): (
        ("strict transport security", "strict_transport=settings.deployed", "strict_transport=False"),
    ),
    ("hardening/problems.py", "hardening/test_problems"): (
        ("values out of errors", 'return {"location": item["loc"], "message": item["msg"]}', "return item"),
    ),
    ("hardening/problems.py", "hardening/test_dependency"): (
        ("503 for a dependency", "except DependencyUnavailableError as error:", "except ZeroDivisionError as error:"),
    ),
    ("hardening/health.py", "hardening/test_dependency"): (
        ("degraded in readiness", "without = degraded()", "without: list[str] = []"),
    ),
    ("hardening/settings_loading.py", "hardening/test_settings"): (
        ("refusal of placeholders", "if is_placeholder(secret)", "if False and secret"),
        ("refusal of unknown variables", "faults = list(cls._unknown_variables())", "faults: list[str] = []"),
    ),
    ("hardening/settings_loading.py", "unit/test_settings"): (
        ("refusal of missing secrets", "if settings.deployed:", "if False:"),
    ),
    ("hardening/settings.py", "hardening/test_settings"): (
        ("no credentials for any origin", 'if credentials and "*" in', 'if False and "*" in'),
        ("named proxies", 'if self.trusted_proxies == "*":', "if False:"),
        ("networks", "                ip_network(text)\n", "                pass\n"),
    ),
    ("hardening/stack.py", "hardening/test_rate_limit"): (
        ("limits by route", "        *parse_policies(settings.rate_limit_policies),\n", ""),
        (
            "limits without Redis",
            "settings.rate_limit, settings.rate_limit_without_redis",
            'settings.rate_limit, "local"',
        ),
        ("limits in Redis", "policies=policies, redis=redis", "policies=policies, redis=None"),
    ),
    ("hardening/rate_limit.py", "hardening/test_rate_limit"): (
        ("limits by principal", "if request is not None and request.principal is not ANONYMOUS:", "if False:"),
        ("one limit for a network", "return _network(client[0])", "return str(client[0])"),
    ),
    ("hardening/rate_limit_counters.py", "hardening/test_rate_limit"): (
        ("one who asks Redis again", "self._asking or ", ""),
    ),
    ("hardening/load_shedding.py", "hardening/test_load_shedding"): (
        ("bounded queue of requests", "if self._waiting >= self._max_waiting:", "if False:"),
    ),
    ("hardening/timeout.py", "hardening/test_timeout"): (
        ("deadline", "request.deadline = time.monotonic() + self._seconds", "pass"),
        ("no deadline for streams", "request.deadline = None", "pass"),
    ),
    ("hardening/server.py", "hardening/test_slow_client"): (
        ("limits of connections", "            http=LimitedProtocol,\n", ""),
        ("bounded connections", "            limit_concurrency=settings.max_connections,\n", ""),
    ),
    ("hardening/http_protocol.py", "hardening/test_slow_client"): (
        ("bounded headers", "if self._headers_size > MAX_HEADERS:", "if False:"),
    ),
    ("hardening/server.py", "hardening/test_trusted_proxies"): (
        ("proxies that are not trusted", "forwarded_allow_ips=settings.trusted_proxies", 'forwarded_allow_ips="*"'),
        ("proxies that are trusted", "proxy_headers=True", "proxy_headers=False"),
    ),
    ("hardening/body_limit.py", "hardening/test_body_limit"): (
        ("limit of uploads", "self._upload_limit if upload else self._limit", "self._limit"),
    ),
    ("hardening/idempotency.py", "hardening/test_idempotency"): (
        ("same key, same body", "if entry.fingerprint != fingerprint:", "if False:"),
        ("keys of one's own", "*_owner(scope), ", ""),
    ),
    ("app.py", "hardening/test_idempotency_postgresql"): (
        ("idempotency keys", "        idempotency=PostgresIdempotency(database),\n", ""),
    ),
    ("hardening/stack.py", "hardening/test_authentication"): (
        (
            "warning without authentication",
            '_log.warning("authentication_off", environment=settings.environment)',
            "pass",
        ),
    ),
    ("hardening/authentication.py", "hardening/test_authentication"): (
        ("look-alikes of public paths", "return plain and not _HIDDEN", "return not _HIDDEN"),
        ("encoded public paths", 'return plain and not _HIDDEN.search(scope.get("raw_path") or b"")', "return plain"),
        (
            "an outage is no refusal",
            "if isinstance(error, AuthenticationUnavailableError):",
            "if error is AuthenticationUnavailableError:",
        ),
    ),
    ("hardening/api_keys.py", "hardening/test_api_keys"): (
        (
            "checksum of keys",
            "if match is None or not hmac.compare_digest(match[3], _checksum(match[1], self._pepper)):",
            "if match is None:",
        ),
        (
            "keyed hash of keys",
            "if stored is None or not hmac.compare_digest(stored.digest, _digest(match[1], self._pepper)):",
            "if stored is None:",
        ),
        ("end of keys", "if stored.expired(datetime.now(UTC)):", "if False:"),
    ),
    ("app.py", "integration/test_authorization"): (("authentication", "        authenticator=authenticator,\n", ""),),
    ("principal.py", "integration/test_authorization"): (("scopes", "        if missing:\n", "        if False:\n"),),
    ("app.py", "integration/test_api_keys"): (
        ("cache of keys", "ApiKeys(CachedKeys(DatabaseKeys(database)), ", "ApiKeys(DatabaseKeys(database), "),
    ),
    ("settings.py", "integration/test_service"): (
        (
            "secrets of the layer",
            '(*HardeningSettings.required_when_deployed, ("database", "url"))',
            '(("database", "url"),)',
        ),
    ),
    ("hardening/breaker.py", "hardening/test_breaker"): (
        ("breaker", "                self._change(BreakerState.OPEN)\n", "                pass\n"),
        ("one probe", "wait > 0 or self._probing", "wait > 0"),
        ("cancelled probe", "                self._probing = False\n", "                pass\n"),
        ("window", "while self._calls[0][0] < now - self._policy.window_seconds:", "while False:"),
        ("breaker's state in metrics", "            self._gauge.set(state)\n", ""),
    ),
    ("hardening/bulkhead.py", "hardening/test_bulkhead"): (
        ("bounded queue of calls", "if self._waiting >= self._max_waiting:", "if False:"),
        ("places are given back", "            self._places.release()\n", ""),
    ),
    ("hardening/dependency.py", "hardening/test_dependency"): (
        (
            "breaker of a dependency",
            "nullcontext() if self._breaker is None else self._breaker.watch()",
            "nullcontext()",
        ),
        ("bulkhead of a dependency", "async with self._bulkhead.place():", "async with asyncio.timeout(None):"),
        ("time for a call", "timer = asyncio.timeout(end - time.monotonic())", "timer = asyncio.timeout(None)"),
        ("no repeating of what must not be", "if not repeatable or self.attempts == 1:", "if self.attempts == 1:"),
        ("retry budget", "if not self.budget.take():", "if False:"),
        ("fallback", "                    return await fallback(*args, **kwargs)\n", "                    raise\n"),
        ("calls in metrics", "            _CALLS.labels(self.name, outcome).inc()\n", ""),
    ),
    ("hardening/http_client.py", "hardening/test_http_client"): (
        ("retry-after", 'parse_retry_after(response.headers.get("retry-after"))', "None"),
        ("methods that repeat", "may_repeat(request.method, request.headers) and ", ""),
        ("ids told to others", "                _propagate(request, span)\n", ""),
        ("one origin", "if self._base is not None and url.origin != self._base.origin:", "if False:"),
        ("no downgrade", 'if first.scheme == "https" and url.scheme != "https":', "if False:"),
        ("no credentials elsewhere", "            del request.headers[header]\n", "            pass\n"),
    ),
    ("hardening/http_client.py", "hardening/test_ssrf"): (
        ("guarded network", "            network_backend=network,\n", ""),
    ),
    ("hardening/ssrf.py", "hardening/test_ssrf"): (
        ("private addresses", "if is_permitted(ip_address(address), self._allowed)", ""),
        (
            "the address that was looked at",
            "self._backend.connect_tcp(address, port",
            "self._backend.connect_tcp(host, port",
        ),
    ),
    ("app.py", "integration/test_service"): (
        (
            "closed documentation",
            'openapi_url=None if settings.deployed else "/openapi.json"',
            'openapi_url="/openapi.json"',
        ),
    ),
    ("app.py", "integration/test_deprecation"): (
        ("deprecated in the description", "describe_deprecations(router)", "router"),
    ),
    ("app.py", "integration/test_outgoing"): (("closed client", "        await http.aclose()\n", ""),),
    ("database.py", "integration/test_database"): (("pre-ping", "            pool_pre_ping=True,\n", ""),),
    ("database.py", "integration/test_traces"): (
        (
            "spans of statements",
            "        trace_statements(self._engine.sync_engine)  # before the errors are given other names\n",
            "",
        ),
    ),
    ("job_queue.py", "integration/test_jobs.py -k trace_of"): (
        (
            "trace of who asked for a job",
            '{"request_id": request.request_id, "traceparent": request.traceparent} if request else {}',
            "{}",
        ),
    ),
    ("job_queue.py", "integration/test_jobs.py -k rolled_back"): (
        (
            "jobs in the transaction of the data",
            "        return job_id is not None",
            "        await session.commit()\n        return job_id is not None",
        ),
    ),
    ("worker.py", "integration/test_jobs.py -k held_until"): (
        ("failed jobs are held", 'on_failure="hold"', 'on_failure="delete"'),
    ),
    ("job_runner.py", "integration/test_worker.py -k kills_its_workers"): (
        ("attempts of a job", "if attempt > self._settings.max_attempts:", "if False:"),
    ),
    ("job_runner.py", "integration/test_jobs.py -k takes_too_long"): (
        ("time for a job", "asyncio.timeout(self._settings.timeout_seconds)", "asyncio.timeout(None)"),
    ),
    ("worker.py", "integration/test_jobs.py -k runs_by_itself"): (
        ("schedules", "            if job.cron is not None:", "            if False:"),
    ),
    ("worker.py", "integration/test_jobs.py -k length_of"): (
        (
            "length of the queue in metrics",
            "            counting = asyncio.create_task(self._count_queue(queries))\n",
            "",
        ),
    ),
    ("worker_process.py", "integration/test_worker.py -k ready_when"): (
        ("readiness of a worker", '"queue": worker.check_queue', '"queue": worker.check_database'),
    ),
    ("housekeeping.py", "integration/test_jobs.py -k expired"): (
        (
            "purge of idempotency keys",
            "    while await PostgresIdempotency(database).purge():\n        pass",
            "    pass",
        ),
    ),
    ("__main__.py", "integration/test_connections.py -k each_command"): (
        ("check of connections at start", "    check_connections(settings.database)\n", ""),
    ),
    ("connections.py", "integration/test_connections.py -k would_need"): (
        ("check of connections", "if settings.replicas * each > limit:", "if False:"),
    ),
    ("database.py", "integration/test_connections.py -k measured"): (
        ("pool in metrics", "        measure_pool(self._pool)\n", ""),
    ),
    ("database.py", "integration/test_database_faults.py -k counted"): (
        (
            "503 for a full pool",
            "        except PoolTimeoutError as error:",
            "        except ZeroDivisionError as error:",
        ),
    ),
    ("database.py", "integration/test_database_faults.py -k refused"): (
        ("503 without a database", '        event.listen(self._engine.sync_engine, "do_connect", _connect)\n', ""),
    ),
    ("database.py", "integration/test_database.py -k callers_sent"): (
        ("callers' data out of errors", "hide_parameters=True", "hide_parameters=False"),
    ),
    ("pagination.py", "unit/test_pagination.py"): (
        (
            "signature of cursors",
            "if not hmac.compare_digest(signature, self._sign(order, place)):",
            "if not place:",
        ),
        ("cursors of one list", '(b"cursor", order.encode(), place)', '(b"cursor", place)'),
    ),
    ("../../migrations/env.py", "integration/test_migrations.py -k can_not_have"): (
        (
            "lock_timeout of migrations",
            "        connection.exec_driver_sql(f\"set local lock_timeout = '{_LOCK_TIMEOUT}'\")\n",
            "",
        ),
    ),
    ("resources/notes/routes.py", "contract/test_compatibility.py"): (
        ("compatibility of the API", '@router.get("/{note_id}")', '@router.get("/{note_id}/x")'),
    ),
}

# The same for services whose callers have access tokens.
OIDC_PARTS: dict[tuple[str, str], Rows] = {
    ("hardening/oidc.py", "hardening/test_oidc"): (
        ("algorithms", ' or header.get("alg") not in _ALGORITHMS', ""),
        (
            "kind of token",
            "if not isinstance(kind, str) or kind.lower() not in _TYPES:",
            "if not isinstance(kind, str):",
        ),
        (
            "signature",
            "if not validate_compact(signed, key, registry=_JWS):",
            "if validate_compact(signed, key, registry=_JWS) is None:",
        ),
        ("issuer", '            iss={"essential": True, "value": settings.oidc_issuer},\n', ""),
        ("audience", '            aud={"essential": True, "value": settings.oidc_audience},\n', ""),
        ("expiry", '            exp={"essential": True},\n', ""),
        ("interval of fetches", "            if self._clock() < self._next_fetch_at:\n                return\n", ""),
        ("single flight", "        if self._fetch is None or self._fetch.done():\n", "        if True:\n"),
        ("bounded staleness", "        if self._age() > _STALE_SECONDS:\n", "        if not self._keys:\n"),
        ("size of tokens", "        if len(token) > _MAX_TOKEN:\n", "        if False:\n"),
    ),
}


def _suite(tests: str) -> str:
    return f"tests/{tests}" if ".py" in tests else f"tests/{tests}.py"


def _rows() -> Iterator[Control]:
    for name, tests in LAYERS.items():
        attached = "        if layer is not None:\n"
        without = f'        if layer is not None and getattr(layer, "func", layer).__name__ != "{name}":\n'
        yield Control(f"layer {name}", f"{LAYER}/stack.py", attached, without, f"tests/hardening/{tests}.py")
    for (file, tests), rows in PARTS.items():
        for name, attached, without in rows:
            yield Control(name, f"{PACKAGE}/{file}", attached, without, _suite(tests))
    for (file, tests), rows in OIDC_PARTS.items():
        for name, attached, without in rows:
            yield Control(f"token's {name}", f"{PACKAGE}/{file}", attached, without, _suite(tests), "oidc")
    yield Control(
        "owner of a note",
        f"{PACKAGE}/resources/notes/routes.py",
        "Note.id == note_id, Note.owner_id == caller.id",
        "Note.id == note_id",
        f"{PACKAGE}/resources/notes/tests",
    )


CONTROLS = tuple(_rows())
