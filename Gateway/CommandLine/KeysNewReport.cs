using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Gateway.Configuration.Model;
using Gateway.Configuration.Schema;
using Gateway.Teams;

namespace Gateway.CommandLine;

/// <summary>The output of <c>keys new</c>: a new key, printed once, and the JSON for the settings.</summary>
internal static class KeysNewReport
{
    private static readonly JsonWriterOptions Options = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Creates a key and writes the report.</summary>
    public static async Task WriteAsync(KeysNewArguments arguments, TextWriter output)
    {
        var key = GatewayKeys.New();
        await output.WriteLineAsync($"A key for team {arguments.Team}. It is shown only once; the settings store only its hash.");
        await output.WriteLineAsync();
        await output.WriteLineAsync(key);
        await output.WriteLineAsync();
        await output.WriteLineAsync($"For {nameof(TeamSettings.Keys)} of the team in section {SettingsSchema.Teams}:");
        await output.WriteLineAsync();
        await output.WriteLineAsync(Entry(arguments, key));
    }

    private static string Entry(KeysNewArguments arguments, string key)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, Options))
        {
            json.WriteStartObject();
            if (arguments.Label is { } label)
            {
                json.WriteString(nameof(TeamKeySettings.Label), label);
            }

            json.WriteString(nameof(TeamKeySettings.Sha256), Convert.ToHexStringLower(GatewayKeys.Hash(key)));
            if (arguments.Expires is { } expires)
            {
                json.WriteString(nameof(TeamKeySettings.Expires), expires);
            }

            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }
}
