using System.Globalization;
using System.Reflection;
using System.Text.RegularExpressions;
using Gateway.Errors;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.Gateway.Errors;

/// <summary>Compares the table of <c>docs/errors.md</c> with the errors of the program.</summary>
public sealed partial class ErrorsDocumentTests
{
    private static readonly string Document = File.ReadAllText(Path.Combine(Repository.Root, "docs", "errors.md"));

    /// <summary>The rows of the table.</summary>
    internal static IEnumerable<(int Status, string Code)> Documented => Row().Matches(Document)
        .Select(static row => (int.Parse(row.Groups["status"].Value, CultureInfo.InvariantCulture), row.Groups["code"].Value));

    /// <summary>The errors that take an argument, and those of the library.</summary>
    private static readonly (int Status, string Code)[] Others =
    [
        (400, "invalid_content_encoding"),
        (400, "invalid_json"),
        (400, "invalid_model"),
        (400, "invalid_provider"),
        (403, "model_not_allowed"),
        (403, "provider_not_allowed"),
        (403, "server_tool_not_allowed"),
        (415, "unsupported_content_encoding"),
        (415, "unsupported_media_type"),
        (429, "rate_limit_exceeded"),
        (503, "server_busy"),
    ];

    [Fact]
    public void EveryError_IsDocumented_AndNoOther()
    {
        var errors = typeof(GatewayError).GetProperties(BindingFlags.Public | BindingFlags.Static)
            .Select(property => (GatewayError)property.GetValue(null)!)
            .Select(error => (error.Status, error.Code))
            .Concat(Others)
            .Distinct()
            .Order();

        Assert.Equal(errors, Documented.Order());
    }

    [Fact]
    public void ErrorsThatForbidARetry_AreDocumentedAsSuch()
    {
        var errors = typeof(GatewayError).GetProperties(BindingFlags.Public | BindingFlags.Static)
            .Select(property => (GatewayError)property.GetValue(null)!)
            .Where(error => error.Headers.Any(header => header.Key == "x-should-retry"))
            .Select(error => error.Code)
            .Order(StringComparer.Ordinal);

        Assert.Equal(
            errors,
            Row().Matches(Document)
                .Where(row => row.Value.Contains("x-should-retry: false", StringComparison.Ordinal))
                .Select(row => row.Groups["code"].Value)
                .Order(StringComparer.Ordinal));
    }

    [GeneratedRegex(@"^\| (?<status>\d{3}) \| `(?<code>\w+)` \| .+$", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex Row();
}
