/// The formats of strings that a schema may name, as patterns. Each is a part of what the standard
/// allows, so that every check takes what comes of it.
enum StringFormats {
    private static let date = #"[1-9]\d{3}-((0[13578]|1[02])-(0[1-9]|[12]\d|3[01])|(0[469]|11)-(0[1-9]|[12]\d|30)|02-(0[1-9]|1\d|2[0-8]))"#
    private static let time = #"([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)"#
    private static let byte = #"(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"#
    private static let label = "[a-z0-9]([a-z0-9-]{0,14}[a-z0-9])?"

    static let patterns: [String: String] = [
        "date": "^\(date)$",
        "time": "^\(time)$",
        "date-time": "^\(date)T\(time)$",
        "duration": #"^P(\d{1,4}D(T\d{1,4}[HMS])?|T\d{1,4}[HMS]|\d{1,4}[YMW])$"#,
        "uuid": "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
        "email": #"^[A-Za-z0-9_+-]+(\.[A-Za-z0-9_+-]+)*@\#(label)(\.\#(label)){0,3}\.[a-z]{2,8}$"#,
        "hostname": #"^\#(label)(\.\#(label)){0,4}$"#,
        "ipv4": #"^\#(byte)(\.\#(byte)){3}$"#,
        "ipv6": "^[0-9a-f]{1,4}(:[0-9a-f]{1,4}){7}$",
        "uri": #"^https?://\#(label)(\.\#(label)){0,4}(/[A-Za-z0-9._~-]+)*/?$"#,
    ]
}
