using System.Buffers;
using System.Text.Json;
using Gateway.Configuration;

namespace Gateway.Health;

/// <summary>The state of the settings as JSON: a summary for all callers, and the whole for operators.</summary>
internal static class HealthReport
{
    /// <summary>The response of the liveness probe.</summary>
    public static ReadOnlyMemory<byte> Live { get; } = """{"status":"live"}"""u8.ToArray();

    /// <summary>Writes the members that name no file, variable or setting.</summary>
    public static void WriteSummary(Utf8JsonWriter json, SettingsState state)
    {
        json.WriteString("status"u8, state.LastReloadSucceeded ? "ok"u8 : "degraded"u8);
        json.WriteString("version"u8, state.Version);
        json.WriteBoolean("restart_required"u8, state.RestartRequired.Count > 0);
    }

    /// <summary>Renders the state with the faults of the last reload and the settings that wait for a restart.</summary>
    /// <param name="state">The state.</param>
    /// <param name="limitStoreFault">Why the store of limits fails; <see langword="null"/> as long as it works.</param>
    public static ReadOnlyMemory<byte> Render(SettingsState state, string? limitStoreFault)
    {
        var output = new ArrayBufferWriter<byte>();
        using var json = new Utf8JsonWriter(output);
        json.WriteStartObject();
        WriteSummary(json, state);
        json.WriteString("loaded_at"u8, state.LoadedAt);
        json.WriteStartObject("last_reload"u8);
        if (state.LastReloadAt is { } at)
        {
            json.WriteString("at"u8, at);
        }
        else
        {
            json.WriteNull("at"u8);
        }

        json.WriteBoolean("succeeded"u8, state.LastReloadSucceeded);
        WriteList(json, "faults"u8, state.Faults.Select(fault => fault.ToString()));
        json.WriteEndObject();
        WriteList(json, "restart_required_by"u8, state.RestartRequired);
        json.WriteString("limit_store_fault"u8, limitStoreFault);
        json.WriteEndObject();
        json.Flush();
        return output.WrittenMemory;
    }

    private static void WriteList(Utf8JsonWriter json, ReadOnlySpan<byte> name, IEnumerable<string> values)
    {
        json.WriteStartArray(name);
        foreach (var value in values)
        {
            json.WriteStringValue(value);
        }

        json.WriteEndArray();
    }
}
