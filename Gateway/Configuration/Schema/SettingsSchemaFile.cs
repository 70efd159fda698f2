namespace Gateway.Configuration.Schema;

/// <summary>
/// <c>appsettings.schema.json</c>, the JSON Schema of the settings files, as built into the program. The tests generate it from the shapes
/// of the settings.
/// </summary>
internal static class SettingsSchemaFile
{
    /// <summary>The file's name.</summary>
    public const string Name = "appsettings.schema.json";

    /// <summary>Reads the file.</summary>
    public static string Read()
    {
        using var resource = typeof(SettingsSchemaFile).Assembly.GetManifestResourceStream(Name)
            ?? throw new InvalidOperationException($"The program has no resource {Name}.");
        using var reader = new StreamReader(resource);
        return reader.ReadToEnd();
    }
}
