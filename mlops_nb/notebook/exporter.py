"""The nbconvert exporter `mlops_pipeline`: `jupyter nbconvert --to mlops_pipeline notebook.ipynb`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from nbconvert.exporters import Exporter
from traitlets import default

from mlops_nb.notebook.flow.history import history
from mlops_nb.notebook.service import formatted_script, notebook_record


class PipelineExporter(Exporter):
    """Writes the script that `%mlops export` writes."""

    export_from_notebook = "Pipeline script (mlops_nb)"
    output_mimetype = "text/x-python"

    @default("file_extension")
    def _file_extension_default(self) -> str:
        return ".py"

    def from_notebook_node(
        self, nb: Any, resources: dict[str, Any] | None = None, **kwargs: Any
    ) -> tuple[Any, dict[str, Any]]:
        """The script of a notebook node, and nbconvert's resources."""
        node, found = super().from_notebook_node(nb, resources, **kwargs)
        name = found.get("metadata", {}).get("name") or "notebook"
        notebook = notebook_record(node, f"{name}.ipynb")
        ran = replace(notebook, cells=history(notebook.cells).cells)
        return formatted_script(ran).source, found
