using System.Text.Json.Nodes;

namespace Gateway.Tests.Gateway.Configuration.Schema;

/// <summary>The values of a number that the gateway accepts; <see langword="null"/> where only its type limits it.</summary>
/// <param name="Least">The least value.</param>
/// <param name="Most">The greatest value.</param>
/// <param name="IsAboveLeast">Whether a value must be above <paramref name="Least"/>.</param>
internal readonly record struct SettingRange(decimal? Least, decimal? Most, bool IsAboveLeast = false)
{
    /// <summary>Adds the range to the schema of a number.</summary>
    public void WriteTo(JsonObject schema)
    {
        if (Least is { } least)
        {
            schema[IsAboveLeast ? "exclusiveMinimum" : "minimum"] = least;
        }

        if (Most is { } most)
        {
            schema["maximum"] = most;
        }
    }
}
