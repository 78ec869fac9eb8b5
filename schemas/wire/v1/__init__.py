"""Protobuf package mianzheng.v1: generated code beside its sources."""
