import JSON
import Templates
import TestSupport
import Testing

/// A template is untrusted code: it always ends soon, with an error that says why.
@Suite(.serialized) struct HostileTemplateTests {
    private static let loop = "{% for i in range(100000) %}"
    private static let long = "{% set x = 'a' * 1000000 %}" + loop

    static let endless: [String] = [
        "\(loop)\(loop){% endfor %}{% endfor %}",
        "\(loop){% set x = 'a' * 60000000 %}{% endfor %}",
        "{% set n = namespace(x='a') %}{% for i in range(100) %}{% set n.x = n.x ~ n.x %}{% endfor %}",
        "{% set n = namespace(x=[1]) %}{% for i in range(100) %}{% set n.x = n.x + n.x %}{% endfor %}",
        "{% set n = namespace(x=[1]) %}{% for i in range(60) %}{% set n.x = [n.x, n.x] %}{% endfor %}{{ n.x }}",
        "{% set n = namespace(x=[1]) %}{% for i in range(20) %}{% set n.x = [n.x, n.x] %}{% endfor %}\(loop){{ n.x == n.x }}{% endfor %}",
        "{% set n = namespace(x=[1]) %}\(loop){% set n.x = [n.x] %}{% endfor %}",
        "{% set n = namespace(x=1) %}\(loop){% set n.x = namespace(x=n.x) %}{% endfor %}",
        "{% set n = namespace(x=[1]) %}\(loop){% set n.x = n.x|batch(1)|list %}{% endfor %}",
        "{% macro m(x) %}{{ m(x + 1) }}{% endmacro %}{{ m(0) }}",
        "{% macro m(x) %}{{ " + String(repeating: "[", count: 190) + "m(x)" + String(repeating: "]", count: 190)
            + " }}{% endmacro %}{{ m(0) }}",
        "{{ " + String(repeating: "(", count: 100_000) + "1", "{{ " + String(repeating: "[", count: 100_000),
        "{{ " + String(repeating: "-", count: 100_000) + "1 }}",
        "{{ 1" + String(repeating: " + 1", count: 100_000) + " }}", "{{ 1" + String(repeating: "|abs", count: 100_000) + " }}",
        "{{ x" + String(repeating: "[0]", count: 100_000) + " }}", "{{ 1" + String(repeating: " and 1", count: 100_000) + " }}",
        "{{ 1" + String(repeating: " if 1 else 1", count: 100_000) + " }}", String(repeating: "{% if 1 %}", count: 100_000),
        "{% for x in [[1]] recursive %}{{ loop([[1]]) }}{% endfor %}", "{{ ('a' * 60000000)|list }}", "{{ [1] * 1000000000 }}",
        "{{ 'x'.center(10000000000) }}", "{{ '%1000000000d' % 5 }}", "{{ '{:1000000000}'.format(5) }}", "{{ '%.1000000000f' % 5 }}",
        "{{ 2 ** 100000000 }}", "{% set n = namespace(x=3) %}\(loop){% set n.x = n.x * n.x % 1000000007 ** 30 %}{% endfor %}",
        "{% set x = 10 ** 4000 %}\(loop){% set y = [x]|string %}{% endfor %}", "\(long){% set y = x|length %}{% endfor %}",
        "\(long){% set y = x.isalpha() %}{% endfor %}", "\(long){% set y = x is lower %}{% endfor %}",
        "\(long){% set y = '%s' % x %}{% endfor %}", "\(long){% set y = x|tojson %}{% endfor %}", "\(long){% set y = {x: 1} %}{% endfor %}",
        "\(long){% set y %}{{ x }}{% endset %}{% endfor %}", "\(long){% set y = x|int %}{% endfor %}",
        "\(long){% set y = 'b' in x %}{% endfor %}", "{{ strftime_now('%c' * 10000000) }}",
    ]

    @Test(arguments: endless.indices) func aTemplateWithoutEndIsStopped(index: Int) {
        let clock = TemplateClock(year: 2025, month: 3, day: 9)
        let start = ProcessorTime.ofThread
        do throws(TemplateError) {
            _ = try Template(Self.endless[index]).render(["x": nil], clock: clock)
            Issue.record("rendered: \(Self.endless[index].prefix(100))")
        } catch {
            #expect(!error.message.isEmpty)
        }
        // A second where code is optimised and twelve where it is not, in time of this thread
        // alone: a loaded machine changes nothing.
        let seconds = ProcessorTime.ofThread - start
        #expect(seconds < 60, "\(seconds) s: \(Self.endless[index].prefix(100))")
    }

    @Test func aLongConversationIsFarFromTheLimits() throws {
        let turn = String(repeating: "word ", count: 800)
        let source = """
            {% set n = namespace(system='') %}{% for m in messages %}{% if m.role == 'system' %}{% set n.system = m.content %}{% endif %}{% endfor %}
            {% for m in messages %}{{ '<|' + m.role + '|>' + m.content | trim + '<|end|>' }}{% if m.content is string and 'x' in m.content %}{% endif %}{% endfor %}
            """
        let messages = (0..<1000).map { index in
            "{\"role\": \"\(index % 2 == 0 ? "user" : "assistant")\", \"content\": \"\(turn)\"}"
        }
        let text = try Template(source).render(HostileTemplateTests.parsed("{\"messages\": [" + messages.joined(separator: ",") + "]}"))
            .text
        #expect(text.utf8.count > 4_000_000)
    }
}

extension HostileTemplateTests {
    fileprivate static func parsed(_ text: String) throws -> JSONNode { try JSONParser().parse(text) }
}
