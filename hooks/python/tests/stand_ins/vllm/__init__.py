"""No vLLM: names that OpenRLHF imports, and which no test uses."""


class SamplingParams: ...
