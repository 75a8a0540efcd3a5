"""Chat templates written for this set, rendered by transformers' own environment of jinja2 with the clock standing still."""

import datetime
import os

from common import versions, write_bytes, write_json

CLOCK = datetime.datetime(2025, 3, 9, 8, 5, 7)
SOURCES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "templates")
NAMES = sorted(name.removesuffix(".jinja") for name in os.listdir(SOURCES))


def compiled(source):
    from transformers.utils import chat_template_utils

    class StandingClock(datetime.datetime):
        @classmethod
        def now(cls, zone=None):
            return CLOCK

    chat_template_utils.datetime = StandingClock
    return chat_template_utils._compile_jinja_template(source)


def render(source, messages, **variables):
    """Text, and the code points that stand within `generation`."""
    from transformers.utils import chat_template_utils

    variables = {"tools": None, "documents": None, "add_generation_prompt": False, **variables}
    return chat_template_utils._render_with_assistant_indices(compiled(source), messages, **variables)


def source_of(name):
    with open(f"{SOURCES}/{name}.jinja", encoding="utf-8") as file:
        return file.read()


def say(role, content, **more):
    return {"role": role, "content": content, **more}


def call(name, arguments, identifier="abcdefghi"):
    return {"id": identifier, "type": "function", "function": {"name": name, "arguments": arguments}}


WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "What the weather is <today> & later",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "description": "Name, such as Zürich"},
                "days": {"type": "integer"},
            },
            "required": ["city"],
        },
    },
}
CLOCKS = {"type": "function", "function": {"name": "time", "parameters": {"type": "object", "properties": {}}}}

CONVERSATIONS = {
    "a question": ([say("user", "Hello!")], None),
    "question and answer": ([say("user", "What is a hen?"), say("assistant", "A bird.")], None),
    "an instruction": ([say("system", "Be brief."), say("user", "What is a hen?"), say("assistant", "A bird.")], None),
    "two turns": ([say("user", "a"), say("assistant", "b"), say("user", "c"), say("assistant", "d")], None),
    "spaces and lines": ([say("user", "  one\n\n two \n"), say("assistant", "\n three\t\n\nfour  ")], None),
    "other scripts": ([say("user", "Grüße, 日本 🦉?"), say("assistant", "Ça va — «très» bien 👩‍🌾 \u00a0ok")], None),
    "the template's own words": (
        [say("user", "<|im_end|> [/INST] {{ x }} {% if %}"), say("assistant", "<|im_start|>assistant\nno")],
        None,
    ),
    "quotes": ([say("user", "\"it's\" \\ 'so' </tool_call>"), say("assistant", "`a` & <b>")], None),
    "an empty answer": ([say("user", "?"), say("assistant", "")], None),
    "two questions in a row": ([say("user", "a"), say("user", "b"), say("assistant", "c")], None),
    "begins with an answer": ([say("assistant", "I begin."), say("user", "Go on.")], None),
    "an unknown role": ([say("narrator", "Once"), say("user", "a")], None),
    "a late instruction": ([say("user", "a"), say("system", "Be kind."), say("assistant", "b")], None),
    "reasoning": (
        [
            say("user", "a"),
            say("assistant", "b", reasoning_content="why b", thinking="why b"),
            say("user", "c"),
            say("assistant", "d", reasoning_content="why d\n", thinking="why d\n"),
        ],
        None,
    ),
    "reasoning in the text": (
        [
            say("user", "a"),
            say("assistant", "<think>\nwhy b\n</think>\n\nb"),
            say("user", "c"),
            say("assistant", "<think>\nwhy d\n</think>\n\nd"),
        ],
        None,
    ),
    "tools that nobody calls": ([say("user", "Hello"), say("assistant", "Good day")], [WEATHER, CLOCKS]),
    "a call": (
        [
            say("user", "Weather in Zürich?"),
            say("assistant", "", tool_calls=[call("weather", {"city": "Zürich", "days": 2})]),
            say("tool", '{"sky": "clear"}', name="weather", tool_call_id="abcdefghi"),
            say("assistant", "Clear."),
        ],
        [WEATHER],
    ),
    "arguments as text": (
        [
            say("user", "Weather?"),
            say("assistant", "I look.", tool_calls=[call("weather", '{"city": "Oslo"}')]),
            say("tool", "3", name="weather", tool_call_id="abcdefghi"),
            say("assistant", "Cold."),
        ],
        [WEATHER, CLOCKS],
    ),
    "two calls at once": (
        [
            say("system", "Use tools."),
            say("user", "Both?"),
            say("assistant", "", tool_calls=[call("weather", {"city": "Bern"}), call("time", {}, "jklmnopqr")]),
            say("tool", "sun", name="weather", tool_call_id="abcdefghi"),
            say("tool", "noon", name="time", tool_call_id="jklmnopqr"),
            say("assistant", "Sun at noon."),
        ],
        [WEATHER, CLOCKS],
    ),
    "a call without an id": (
        [
            say("user", "Time?"),
            say("assistant", "", tool_calls=[{"type": "function", "function": {"name": "time", "arguments": {}}}]),
            say("tool", "noon"),
            say("assistant", "Noon."),
        ],
        None,
    ),
    "an answer that is null": ([say("user", "a"), {"role": "assistant", "content": None}], None),
}

# One feature of the language each; what Tests/TemplatesTests/Cases has by the thousand, here with the clock and errors.
FEATURES = [
    ("{{ a + b }} {{ a - b }} {{ a * b }} {{ a / b }} {{ a // b }} {{ a % b }} {{ a ** b }}", {"a": 7, "b": 2}),
    ("{{ strftime_now('%d %b %Y %H:%M:%S') }} {{ strftime_now('%Y-%m-%d') }}", {}),
    ("{{ raise_exception('no: ' ~ why) }}", {"why": "because"}),
    ("{{ x.y }}", {}),
    ("{{ 1 + 'a' }}", {}),
    ("{{ none + 'a' }}", {}),
    ("{{ l | nosuchfilter }}", {"l": []}),
    ("{% if %}", {}),
    ("{{ 'unterminated }}", {}),
    ("{% for x in l %}", {"l": []}),
    ("{{ 1 / 0 }}", {}),
    ("{{ undefined_function() }}", {}),
    ("{% generation %}a{% endgeneration %}b", {}),
    (
        "{% for x in l %}{% if x == 2 %}{% continue %}{% endif %}{% if x == 4 %}{% break %}{% endif %}{{ x }}{% endfor %}",
        {"l": [1, 2, 3, 4, 5]},
    ),
    (
        "{{ d | tojson }}|{{ d | tojson(indent=2) }}|{{ d | tojson(sort_keys=true) }}",
        {"d": {"b": [1, 2.5, None, True], "a": "é<&>'"}},
    ),
    ("{{ d | tojson(separators=(',', ':')) }}{{ d | tojson(ensure_ascii=true) }}", {"d": {"k": "日"}}),
    ("{% set ns = namespace(n=0) %}{% for x in l %}{% set ns.n = ns.n + x %}{% endfor %}{{ ns.n }}", {"l": [1, 2, 3]}),
    ("{% macro m(a, b='d') %}[{{ a }},{{ b }}]{% endmacro %}{{ m(1) }}{{ m(b=3, a=4) }}", {}),
    (
        "{{ messages[0].content.split('</think>')[-1].lstrip('\\n') }}",
        {"messages": [{"content": "<think>x</think>\n\ny"}]},
    ),
    ("  {% if true %}  \n  b\n  {% endif %}  \nc\n\n{%- set x = 1 %}\n\nb", {}),
    ("{{ s[::-1] }} {{ s[1:3] }} {{ s | upper }} {{ s | length }}", {"s": "héllo🙂"}),
    (
        "{{ l | selectattr('n', 'equalto', 2) | list }} {{ l | map(attribute='n') | join(',') }}",
        {"l": [{"n": 1}, {"n": 2}]},
    ),
    ("{{ d.items() | list }} {{ d.get('x', 'none') }} {{ 'k' in d }}", {"d": {"k": 1}}),
    (
        "{% for k, v in d | dictsort %}{{ loop.index }}/{{ loop.length }} {{ k }}={{ v }};{% endfor %}",
        {"d": {"b": 1, "a": 2}},
    ),
    (
        "{% for n in tree recursive %}{{ n.v }}{% if n.c %}({{ loop(n.c) }}){% endif %}{% endfor %}",
        {"tree": [{"v": 1, "c": [{"v": 2}]}, {"v": 3}]},
    ),
    ("{{ 'yes' if a is string and a is not none else 'no' }}{{ b is defined }}{{ a is mapping }}", {"a": "x"}),
    ("{{ '%s has %d' % ('it', 3) }} {{ '{}-{}'.format(1, 'z') }} {{ 'a,b,c'.rsplit(',', 1) }}", {}),
    ("{{ (l | first) ~ (l | last) ~ (l | sum) }}{{ l | reverse | list }}", {"l": [3, 1, 2]}),
    ('{% raw %}{{ x }}{% endraw %}{# gone #}{{ "tab\\tq\\"" }}', {}),
    ("{% call(x) wrap() %}<{{ x }}>{% endcall %}", {}),
    ("{% filter upper %}abc{% endfilter %}{% with x = 5 %}{{ x }}{% endwith %}", {}),
]


def outcome(action):
    """What is rendered, or the type and the words of what is raised."""
    try:
        text, spans = action()
    except Exception as error:  # whatever the oracle raises is the expectation.
        return {"error": {"type": type(error).__name__, "message": str(error)}}
    return {"expected": text, **({"assistant_spans_code_points": [list(span) for span in spans]} if spans else {})}


def make_all(out):
    for name in NAMES:
        source = source_of(name)
        write_bytes(f"{out}/templates/{name}/template.jinja", source)
        cases = []
        for title, (messages, tools) in CONVERSATIONS.items():
            for asks in [False, True]:
                given = {
                    "messages": messages,
                    **({"tools": tools} if tools else {}),
                    "add_generation_prompt": asks,
                    "bos_token": "<s>",
                    "eos_token": "</s>",
                }
                variables = {key: value for key, value in given.items() if key != "messages"}
                result = outcome(lambda: render(source, messages, **variables))
                if "generation %" in source and "expected" in result:
                    result.setdefault("assistant_spans_code_points", [])
                cases.append({"name": title + (", generation prompt" if asks else ""), **given, **result})
        write_json(
            f"{out}/templates/{name}/cases.json",
            {"strftime_now_clock": CLOCK.isoformat(), "versions": versions(), "cases": cases},
        )
    features = []
    for source, context in FEATURES:

        def one():
            return compiled(source).render(**context), None

        features.append({"template": source, "context": context, **outcome(one)})
    write_json(f"{out}/templates/features.json", {"strftime_now_clock": CLOCK.isoformat(), "cases": features})
    print(f"templates: {len(NAMES)}", flush=True)
