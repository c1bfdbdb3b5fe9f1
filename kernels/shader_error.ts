/** Thrown when a shader or its pipeline does not compile on a device. */
export class ShaderError extends Error {
  /** Always `"ShaderError"`. */
  override readonly name: "ShaderError" = "ShaderError";
  /** Label of the shader. */
  readonly label: string;
  /** What the compiler said, one string a message: `line:column type: text`. */
  readonly compilerMessages: readonly string[];

  /**
   * Creates the error.
   *
   * @param label Label of the shader.
   * @param compilerMessages What the compiler said.
   * @param options The underlying error as `cause`.
   */
  constructor(label: string, compilerMessages: readonly string[], options?: ErrorOptions) {
    super(
      `Cannot compile shader "${label}" as the device refused it: ` +
        compilerMessages.join("; "),
      options,
    );
    this.label = label;
    this.compilerMessages = compilerMessages;
  }
}
