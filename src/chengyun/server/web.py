"""The built web client: hashed assets for ever, the page itself fresh each time, every other address is the page."""

from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, Response
from fastapi.staticfiles import StaticFiles

from chengyun.kernel.errors import Problem
from chengyun.server.problems import answer


class _Assets(StaticFiles):
    def file_response(self, *args: object, **kwargs: object) -> Response:
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


def _file(root: Path, path: str) -> Path | None:
    """The file at a path within the folder; None for none, for a way out of the folder and for what no file can be called."""
    try:
        file = (root / path).resolve()
        return file if path and file.is_relative_to(root) and file.is_file() else None
    except (OSError, ValueError, RuntimeError):
        return None


def install(app: FastAPI, folder: Path) -> None:
    """Serve the web client from a folder; without one the API stands alone."""
    page = folder / "index.html"
    if not page.is_file():
        return
    root = folder.resolve()
    app.mount("/assets", _Assets(directory=folder / "assets"), name="assets")

    @app.api_route("/{path:path}", methods=["GET", "HEAD"], include_in_schema=False)
    def client(path: str, request: Request) -> Response:
        """A file of the client, or its page for any address that it routes itself."""
        if path.startswith(("api/", "assets/")):
            return answer(request, Problem("request.not_found"))
        file = _file(root, path)
        if file is not None:
            return FileResponse(file)
        return FileResponse(page, headers={"Cache-Control": "no-cache"})
