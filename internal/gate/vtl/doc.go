// Package vtl renders mapping templates: Apache Velocity's template language
// (version 1.7), as API Gateway has it, with $input and $util
// (https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html).
//
// What holds:
//   - A template reaches nothing but the values that it is given and the methods
//     that stand in this package: no class, file or other template.
//   - Steps, output, what strings are made, nesting and regular expressions are
//     bounded, whatever a template or a document says. What is beyond a bound ends
//     the rendering with an error; nothing panics.
//
// Regular expressions are RE2's, without look-around and back references.
package vtl
