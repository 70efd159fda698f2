using System.Text.Json.Serialization;

namespace Gateway.Configuration;

/// <summary>
/// Source-generated readers of the settings' sections; their metadata also drives the check for unknown and missing keys.
/// </summary>
[JsonSourceGenerationOptions(UseStringEnumConverter = true)]
[JsonSerializable(typeof(ServerSettings))]
[JsonSerializable(typeof(LoggingSettings))]
[JsonSerializable(typeof(ProviderMappingSettings))]
internal sealed partial class SettingsJsonContext : JsonSerializerContext;
