using System.Text.Json;

namespace Soak;

/// <summary>Compares responses with the expected ones. The result is the fault; <see langword="null"/> if there is none.</summary>
internal static class Expected
{
    /// <summary>An error of the gateway with a status and a code.</summary>
    public static string? Refused(Answer answer, int status, string? code)
    {
        if (answer.Status != status || !answer.IsComplete || !answer.IsOfGateway)
        {
            return answer.Describe();
        }

        using var json = JsonDocument.Parse(answer.Body);
        var error = json.RootElement.GetProperty("error");
        return code is null || error.GetProperty("code").GetString() == code ? null : answer.Describe();
    }

    /// <summary>Complete JSON with its usage, under a rule that was in effect.</summary>
    public static string? WholeJson(Answer answer, SettingsChanger settings, int applied)
    {
        if (answer is not { Status: 200, IsComplete: true })
        {
            return answer.Describe();
        }

        using var json = JsonDocument.Parse(answer.Text);
        return json.RootElement.TryGetProperty("usage", out _) ? Rule(answer, settings, applied) : "an answer without its usage";
    }

    /// <summary>
    /// A rule that was in effect. A request keeps the settings that it started with. They may be old, but not older than the version applied
    /// at its start.
    /// </summary>
    public static string? Rule(Answer answer, SettingsChanger settings, int applied)
    {
        var rule = answer.Header("x-gateway-rule");
        return SoakSettings.VersionOf(rule) is { } version && version >= applied && version <= settings.Written
            ? null
            : $"rule {rule ?? "none"}, expected one of versions {applied} to {settings.Written}";
    }

    /// <summary>The number of data events in an event stream.</summary>
    public static int CountEvents(string text)
    {
        var events = 0;
        foreach (var line in text.AsSpan().EnumerateLines())
        {
            events += line.StartsWith("data:") ? 1 : 0;
        }

        return events;
    }
}
