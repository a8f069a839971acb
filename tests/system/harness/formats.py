"""The wire formats as a client speaks them: one class each, and a list."""

import json
import re

from .client import sse_events

BOUNDARY = "----reprise-test"
AUDIO = b"RIFF\x00\x01\x02\xff\xfe audio \r\n--not a boundary"


def form(fields, files=(), boundary=BOUNDARY):
    """
    A multipart body. fields: pairs of name and text; files: name, file
    name, content[, media type].
    """
    parts = []
    for name, text in fields:
        parts.append(b'Content-Disposition: form-data; name="%s"\r\n\r\n%s'
                     % (name.encode(), text.encode()))
    for name, filename, content, *kind in files:
        parts.append(
            b'Content-Disposition: form-data; name="%s"; filename="%s"\r\n'
            b"Content-Type: %s\r\n\r\n%s" % (
                name.encode(), filename.encode(),
                (kind or ["audio/wav"])[0].encode(), content))
    return join_parts(parts, boundary)


def join_parts(parts, boundary=BOUNDARY):
    """Parts with their heads, as a body."""
    mark = b"--" + boundary.encode()
    return b"".join(mark + b"\r\n" + p + b"\r\n" for p in parts) + \
        mark + b"--\r\n"


def form_type(boundary=BOUNDARY):
    return "multipart/form-data; boundary=" + boundary


class Format:
    """What tests want to know of a format; this is most like OpenAI's."""

    name = None
    path = None
    streams = True
    exact = True            # a hit is the very bytes of its miss
    headers = {"Content-Type": "application/json"}
    usage_fields = ("prompt_tokens", "completion_tokens")
    ended = b"data: [DONE]"  # in a stream that is whole, and in no other

    def __repr__(self):
        return self.name

    def request(self, prompt):
        """The members of a request, but for stream."""
        raise NotImplementedError

    def body(self, prompt, stream=False, **fields):
        members = self.request(prompt)
        if stream:
            members["stream"] = True
        members.update(fields)
        return json.dumps(members).encode()

    def asking_usage(self, stream):
        """Members with which an answer tells its usage."""
        return {}

    def text(self, body, stream):
        """What an answer says."""
        if not stream:
            return self.json_text(json.loads(body))
        return "".join(self.event_text(json.loads(e))
                       for e in sse_events(body) if e != b"[DONE]")

    def json_text(self, answer):
        raise NotImplementedError

    def event_text(self, event):
        raise NotImplementedError

    def usage(self, body, stream):
        """The usage object of an answer, or None."""
        if not stream:
            return json.loads(body).get("usage")
        return self.stream_usage([json.loads(e) for e in sse_events(body)
                                  if e != b"[DONE]"])

    def stream_usage(self, events):
        return [e["usage"] for e in events if e.get("usage")][-1]

    def assert_error(self, body, code=None):
        """An error body is of this format's shape."""
        answer = json.loads(body)
        assert set(answer) == {"error"}, answer
        error = answer["error"]
        assert set(error) == {"message", "type", "param", "code"}
        assert error["message"] and error["type"]
        assert code is None or error["code"] == code

    def assert_error_event(self, event, code):
        """The last event of a stream, in lines, is its error."""
        assert re.fullmatch(rb"data: .*", event), event
        self.assert_error(event.removeprefix(b"data: "), code)


class Chat(Format):
    name = "chat"
    path = "/v1/chat/completions"

    def request(self, prompt):
        return {"model": "demo",
                "messages": [{"role": "user", "content": prompt}]}

    def asking_usage(self, stream):
        return {"stream_options": {"include_usage": True}} if stream else {}

    def json_text(self, answer):
        return "".join(c["message"]["content"] or ""
                       for c in answer["choices"])

    def event_text(self, event):
        return "".join(c["delta"].get("content") or ""
                       for c in event["choices"])


class Completions(Chat):
    name = "completions"
    path = "/v1/completions"

    def request(self, prompt):
        return {"model": "demo", "prompt": prompt}

    def json_text(self, answer):
        return "".join(c["text"] for c in answer["choices"])

    event_text = json_text


class Responses(Format):
    name = "responses"
    path = "/v1/responses"
    usage_fields = ("input_tokens", "output_tokens")
    ended = b"response.completed"

    def request(self, prompt):
        return {"model": "demo", "input": prompt}

    def json_text(self, answer):
        return "".join(part["text"] for item in answer["output"]
                       if item["type"] == "message"
                       for part in item["content"])

    def event_text(self, event):
        return event["delta"] \
            if event["type"] == "response.output_text.delta" else ""

    def stream_usage(self, events):
        return events[-1]["response"]["usage"]

    def assert_error_event(self, event, code):
        name, data = event.split(b"\n")
        assert name == b"event: error"
        event = json.loads(data.removeprefix(b"data: "))
        assert set(event) == {"type", "sequence_number", "code", "message",
                              "param", "error"}
        assert event["type"] == "error"
        assert code is None or event["code"] == code
        self.assert_error(json.dumps({"error": event["error"]}), code)


class Messages(Format):
    name = "messages"
    path = "/v1/messages"
    usage_fields = ("input_tokens", "output_tokens")
    headers = {"Content-Type": "application/json",
               "anthropic-version": "2023-06-01"}
    ended = b"message_stop"
    types = {"bad_request": "invalid_request_error",
             "control_not_allowed": "permission_error",
             "model_not_found": "not_found_error"}

    def request(self, prompt):
        return {"model": "demo", "max_tokens": 1000,
                "messages": [{"role": "user", "content": prompt}]}

    def json_text(self, answer):
        return "".join(b.get("text", "") for b in answer["content"])

    def event_text(self, event):
        return event["delta"].get("text", "") \
            if event["type"] == "content_block_delta" else ""

    def stream_usage(self, events):
        first = next(e for e in events if e["type"] == "message_start")
        last = next(e for e in events if e["type"] == "message_delta")
        return {**first["message"]["usage"], **last["usage"]}

    def assert_error(self, body, code=None):
        answer = json.loads(body)
        assert set(answer) == {"type", "error"}, answer
        assert answer["type"] == "error"
        assert set(answer["error"]) == {"type", "message"}
        assert answer["error"]["message"]
        if code is not None:
            assert answer["error"]["type"] == \
                self.types.get(code, "api_error")

    def assert_error_event(self, event, code):
        name, data = event.split(b"\n")
        assert name == b"event: error"
        self.assert_error(data.removeprefix(b"data: "), code)


class Embeddings(Format):
    name = "embeddings"
    path = "/v1/embeddings"
    streams = False
    exact = False           # put together from its inputs' entries
    usage_fields = ("prompt_tokens",)

    def request(self, prompt):
        return {"model": "demo", "input": [prompt, prompt + " too"]}

    def json_text(self, answer):
        return json.dumps([row["embedding"] for row in answer["data"]])


class Rerank(Format):
    name = "rerank"
    path = "/v1/rerank"
    streams = False
    usage_fields = ("total_tokens",)

    def request(self, prompt):
        return {"model": "demo", "query": prompt,
                "documents": ["one", "two", "three"]}

    def json_text(self, answer):
        return json.dumps(answer["results"])


class BareRerank(Rerank):
    path = "/rerank"

    def __repr__(self):
        return "bare-rerank"


class CohereRerank(Rerank):
    path = "/v2/rerank"
    usage_fields = ()

    def __repr__(self):
        return "cohere-rerank"

    def usage(self, body, stream):
        return None


class Transcriptions(Format):
    name = "transcriptions"
    path = "/v1/audio/transcriptions"
    headers = {"Content-Type": form_type()}
    usage_fields = ("input_tokens", "output_tokens")
    ended = b"transcript.text.done"

    def request(self, prompt):
        return {"model": "demo", "prompt": prompt}

    def body(self, prompt, stream=False, **fields):
        members = self.request(prompt)
        if stream:
            members["stream"] = "true"
        members.update(fields)
        return form(members.items(), [("file", "a.wav", AUDIO)])

    def json_text(self, answer):
        return answer["text"]

    def event_text(self, event):
        return event.get("delta", "")

    def stream_usage(self, events):
        return events[-1]["usage"]

    def assert_error_event(self, event, code):
        name, data = event.split(b"\n")
        assert name == b"event: error"
        event = json.loads(data.removeprefix(b"data: "))
        assert event.pop("type") == "error"
        self.assert_error(json.dumps(event), code)


class Translations(Transcriptions):
    name = "translations"
    path = "/v1/audio/translations"


FORMATS = [Chat(), Completions(), Responses(), Messages(), Embeddings(),
           Rerank(), BareRerank(), CohereRerank(), Transcriptions(),
           Translations()]

# Every format as JSON, and as a stream where it streams.
MODES = [(f, stream) for f in FORMATS for stream in (False, True)
         if f.streams or not stream]


def mode_name(value):
    """For pytest.mark.parametrize(ids=...)."""
    if isinstance(value, Format):
        return repr(value)
    if isinstance(value, bool):
        return "stream" if value else "json"
    return None
