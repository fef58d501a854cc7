"""An agent that audits the Python packages of its own environment: the thing that `holdfast demo` supervises.

It needs no key and no network. Tools (`metadata_tools`, `file_tools`, `import_tools`), planning (`rules`,
`chat`) and the loop (`agent`) do not know each other: a planner sees the history and answers with tool
calls, the loop carries them out and records them.
"""
