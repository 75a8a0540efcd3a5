public import JSON

/// What training costs: a rate for the time that a device works, and one for the tokens that are trained on.
public struct Prices: Sendable, Hashable {
    public var currency: String
    public var deviceHour: Double
    public var millionTrainedTokens: Double

    public init(currency: String = "USD", deviceHour: Double = 0, millionTrainedTokens: Double = 0) {
        self.currency = currency
        self.deviceHour = deviceHour
        self.millionTrainedTokens = millionTrainedTokens
    }

    public func cost(deviceSeconds: Double, trainedTokens: Int) -> Double {
        deviceHour * deviceSeconds / 3600 + millionTrainedTokens * Double(trainedTokens) / 1e6
    }

    public var json: JSONNode {
        [
            "currency": JSONNode(currency), "device_hour": JSONNode(deviceHour), "million_trained_tokens": JSONNode(millionTrainedTokens),
        ]
    }

    public init?(json: JSONNode?) {
        guard let json, let hour = json["device_hour"]?.double, let tokens = json["million_trained_tokens"]?.double else { return nil }
        self.init(currency: json["currency"]?.string ?? "USD", deviceHour: hour, millionTrainedTokens: tokens)
    }
}
