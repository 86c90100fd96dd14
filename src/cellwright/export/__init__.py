"""Models as files of other formats: ONNX."""

from cellwright.export.onnx_file import Exported, to_onnx

__all__ = ["Exported", "to_onnx"]
