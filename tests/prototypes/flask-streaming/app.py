import hashlib
import queue
import threading

from flask import Flask, Response, abort, request, send_file, stream_with_context
from io import BytesIO

app = Flask(__name__)
logs = {}
lock = threading.Lock()


def log_of(job):
    with lock:
        return logs.setdefault(job, queue.Queue())


@app.route("/jobs/<job>/log")
def follow(job):
    lines = log_of(job)

    @stream_with_context
    def generate():
        yield f"log of {request.view_args['job']}\n"
        while True:
            line = lines.get()
            yield f"{line}\n"
            if line == "done":
                return

    return Response(generate(), mimetype="text/plain")


@app.route("/jobs/<job>/lines", methods=["POST"])
def append(job):
    log_of(job).put(request.json["message"])
    return {"listeners": 1}


@app.put("/files/<name>")
def put_file(name):
    digest, size = hashlib.sha256(), 0
    while chunk := request.stream.read(4096):
        digest.update(chunk)
        size += len(chunk)
    if not size:
        abort(400, description="The file is empty")
    return {"name": name, "size": size, "sha256": digest.hexdigest()}


@app.post("/upload")
def upload():
    file = request.files["file"]
    content = file.read()
    return {"name": file.filename, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


@app.get("/report.csv")
def report():
    rows = "".join(f"{n},{n * n}\n" for n in range(1000))
    return send_file(BytesIO(rows.encode()), mimetype="text/csv", as_attachment=True, download_name="report.csv")


@app.get("/whoami")
def whoami():
    return {"args": request.args.to_dict(flat=False), "path": request.path, "scheme": request.scheme, "agent": request.user_agent.string}


if __name__ == "__main__":
    app.run(host="0.0.0.0", port=5000, debug=True, threaded=True)
