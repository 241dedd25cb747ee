#!/usr/bin/env python3
"""Turns what a reader says of an event log into JSON lines, a line a record.

read.py libevtx FILE       runs evtxexport (Debian: libevtx-utils)
read.py python-evtx FILE   uses the module Evtx (PyPI: python-evtx)
read.py xml                takes events as XML on standard input

A line holds "system" (values of System by element or Element/Attribute), "user_data" (the element
under UserData, or null) and "fields" (names and values of the data, in order). Values stay as the
reader gives them; attributes and elements that it shows empty among System are left out.
"""

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

# Characters that XML 1.0 forbids, and the carriage return, which its parsers rewrite, travel
# through the parser as private ones.
SHIFT = 0xF700
HIDE = {code: SHIFT + code for code in [*range(0x20), 0xFFFE, 0xFFFF] if code not in (0x09, 0x0A)}
SHOW = {hidden: code for code, hidden in HIDE.items()}
# python-evtx shows a value of several strings so; it repeats or loses some where the first are empty.
STRINGS = re.compile(r"(<string>.*?</string>\n)+", re.DOTALL)
REFERENCE = re.compile(r"&#(x[0-9a-fA-F]+|[0-9]+);")


def reference(match):
    digits = match.group(1)
    code = int(digits[1:], 16) if digits.startswith("x") else int(digits)
    return chr(HIDE[code]) if code in HIDE else match.group(0)


def local(tag):
    return tag.rsplit("}", 1)[-1]


def show(text):
    return (text or "").translate(SHOW)


def describe(xml):
    event = ElementTree.fromstring(REFERENCE.sub(reference, xml.translate(HIDE)))
    system, fields, user_data = {}, [], None
    for part in event:
        if local(part.tag) == "System":
            for element in part:
                name = local(element.tag)
                if element.text and element.text.strip():
                    system[name] = show(element.text)
                for attribute, value in element.attrib.items():
                    if value:
                        system[f"{name}/{local(attribute)}"] = show(value)
        elif local(part.tag) == "EventData":
            for element in part:
                name = show(element.get("Name")) if local(element.tag) == "Data" else local(element.tag)
                if not STRINGS.fullmatch(element.text or ""):
                    fields.append([name, show(element.text)])
        elif local(part.tag) == "ProcessingErrorData":
            for field in part:
                fields.append([local(field.tag), show(field.text)])
        elif local(part.tag) == "UserData":
            for element in part:
                user_data = local(element.tag)
                for field in element:
                    fields.append([local(field.tag), show(field.text)])
    return {"system": system, "user_data": user_data, "fields": fields}


def events(text):
    """Events of a text that holds one after the other."""
    return [part + "</Event>" for part in text.split("</Event>")[:-1]]


def main():
    reader = sys.argv[1]
    if reader == "libevtx":
        done = subprocess.run(["evtxexport", "-f", "xml", sys.argv[2]], capture_output=True)
        if done.returncode != 0:
            sys.exit(f"evtxexport failed: {done.stderr.decode(errors='replace')}")
        text = done.stdout.decode("utf-8")
        found = events(text[text.find("<Event ") :] if "<Event " in text else "")
    elif reader == "python-evtx":
        import Evtx.Evtx

        with Evtx.Evtx.Evtx(sys.argv[2]) as log:
            found = [record.xml() for record in log.records()]
    elif reader == "xml":
        found = events(sys.stdin.buffer.read().decode("utf-8"))
    else:
        sys.exit(f"unknown reader {reader}")
    for xml in found:
        print(json.dumps(describe(xml.strip().lstrip("\ufeff"))))


main()
