"""Speed and memory: ours, plain Mesa's, NumPy's and neighbouring engines', measured side by side."""
