"""No FlashAttention: names that OpenRLHF imports, and which no test uses."""
