using System.Text.Json;
using Gateway.Configuration.Schema;
using Json.Schema;

namespace Gateway.Tests.Support;

/// <summary>The repository's <c>appsettings.schema.json</c>.</summary>
internal static class JsonSchemaFile
{
    private static readonly Lazy<JsonSchema> Schema = new(static () => JsonSchema.FromText(Text));
    private static readonly JsonDocumentOptions Lenient = new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true };
    private static readonly EvaluationOptions Listed = new() { OutputFormat = OutputFormat.List };

    /// <summary>The path of the file.</summary>
    public static string Path => System.IO.Path.Combine(Repository.Root, SettingsSchemaFile.Name);

    /// <summary>The file.</summary>
    public static string Text => File.ReadAllText(Path);

    /// <summary>The faults that the schema finds in a settings file, each with the path of the setting; empty if the file is valid.</summary>
    public static IReadOnlyList<string> Faults(string settings)
    {
        using var document = JsonDocument.Parse(settings, Lenient);
        if (Schema.Value.Evaluate(document.RootElement).IsValid)
        {
            return [];
        }

        return
        [
            .. from detail in Schema.Value.Evaluate(document.RootElement, Listed).Details ?? []
               where !detail.IsValid && detail.Errors is not null && detail.EvaluationPath.ToString() != "/if"
               from error in detail.Errors!
               let path = string.Join(':', detail.InstanceLocation.ToString().Split('/').Skip(1)).Replace("~1", "/", StringComparison.Ordinal)
               select $"{path}: {error.Value}",
        ];
    }
}
