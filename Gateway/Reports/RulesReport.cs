using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using Gateway.Configuration;
using Gateway.Rules;

namespace Gateway.Reports;

/// <summary>The rules in effect as JSON: those of the settings in the order in which they are tried, then those of each team.</summary>
internal static class RulesReport
{
    // Never embedded in HTML, so names need no HTML escapes.
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Renders <c>{"version", "teams", "rules", "aliases"}</c>.</summary>
    public static ReadOnlyMemory<byte> Render(SettingsSnapshot snapshot)
    {
        var output = new ArrayBufferWriter<byte>();
        using var json = new Utf8JsonWriter(output, Options);
        json.WriteStartObject();
        json.WriteString("version"u8, snapshot.Version);
        json.WriteNumber("teams"u8, snapshot.Teams.Teams.Count);
        json.WriteStartArray("rules"u8);
        foreach (var rule in snapshot.RuleSummaries)
        {
            Write(json, rule, team: null);
        }

        foreach (var team in snapshot.Teams.Teams)
        {
            foreach (var rule in team.RuleSummaries)
            {
                Write(json, rule, team.Id);
            }
        }

        json.WriteEndArray();
        json.WriteStartArray("aliases"u8);
        foreach (var alias in snapshot.Rules.Aliases)
        {
            json.WriteStartObject();
            json.WriteString("model"u8, alias.Model);
            json.WriteString("use"u8, alias.Use);
            WriteList(json, "fallbacks"u8, alias.Fallbacks);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
        json.Flush();
        return output.WrittenMemory;
    }

    private static void Write(Utf8JsonWriter json, RuleSummary rule, string? team)
    {
        json.WriteStartObject();
        json.WriteString("name"u8, rule.Name);
        if (team is not null)
        {
            json.WriteString("team"u8, team);
        }

        WriteList(json, "models"u8, rule.Models);
        json.WriteString("mode"u8, rule.Mode.ToString());
        json.WriteString("source"u8, rule.Source);
        json.WritePropertyName("provider"u8);
        json.WriteRawValue(rule.Block);
        if (rule.ServerTools is { } tools)
        {
            WriteList(json, "server_tools"u8, tools);
        }

        json.WriteEndObject();
    }

    private static void WriteList(Utf8JsonWriter json, ReadOnlySpan<byte> name, IReadOnlyList<string> values)
    {
        json.WriteStartArray(name);
        foreach (var value in values)
        {
            json.WriteStringValue(value);
        }

        json.WriteEndArray();
    }
}
