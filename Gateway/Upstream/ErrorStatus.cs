using System.Collections.Frozen;
using System.Globalization;

namespace Gateway.Upstream;

/// <summary>Translates the types and codes of upstream's errors into a status.</summary>
internal static class ErrorStatus
{
    /// <summary>The status of an error that says nothing known.</summary>
    public const int Unknown = 502;

    /// <summary>OpenRouter's error types, and the types and codes of OpenAI's and Anthropic's APIs that it uses as well.</summary>
    private static readonly FrozenDictionary<string, int> Words = new Dictionary<string, int>(StringComparer.Ordinal)
    {
        ["context_length_exceeded"] = 400,
        ["max_tokens_exceeded"] = 400,
        ["token_limit_exceeded"] = 400,
        ["string_too_long"] = 400,
        ["invalid_request"] = 400,
        ["invalid_request_error"] = 400,
        ["invalid_prompt"] = 400,
        ["content_policy_violation"] = 400,
        ["refusal"] = 400,
        ["model_not_found"] = 400,
        ["authentication"] = 401,
        ["authentication_error"] = 401,
        ["invalid_api_key"] = 401,
        ["payment_required"] = 402,
        ["billing_error"] = 402,
        ["permission_denied"] = 403,
        ["permission_error"] = 403,
        ["not_found"] = 404,
        ["not_found_error"] = 404,
        ["image_not_found"] = 404,
        ["request_timeout"] = 408,
        ["precondition_failed"] = 412,
        ["payload_too_large"] = 413,
        ["request_too_large"] = 413,
        ["unprocessable"] = 422,
        ["rate_limit_exceeded"] = 429,
        ["rate_limit_error"] = 429,
        ["insufficient_quota"] = 429,
        ["server"] = 500,
        ["server_error"] = 500,
        ["api_error"] = 500,
        ["unmapped"] = 500,
        ["provider_unavailable"] = 502,
        ["provider_overloaded"] = 503,
        ["timeout"] = 504,
        ["timeout_error"] = 504,
        ["overloaded_error"] = 529,
    }.ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>The status of an error type, or of a code in words; <see langword="null"/> if it is not known.</summary>
    public static int? OfWord(string word) =>
        Words.TryGetValue(word, out var status) ? status
        : word.Contains("image", StringComparison.Ordinal) ? StatusCodes.Status400BadRequest
        : null;

    /// <summary>The number if it is the status of an error.</summary>
    public static int? OfNumber(int number) => number is >= 400 and <= 599 ? number : null;

    /// <summary>The number in a text if it is the status of an error.</summary>
    public static int? OfNumber(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? OfNumber(number) : null;
}
