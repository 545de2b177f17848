// Compiles the test tokens of TestTokens.sol and prints vectors/ethereum/erc20.json. Nothing of the system runs it:
// the result is committed. In a folder outside the repository, with the two packages pinned in package.json:
//
//   cp tools/erc20/* /tmp/tokens && cd /tmp/tokens && npm install && node compile.js > REPOSITORY/vectors/ethereum/erc20.json
//
// evmVersion paris: no opcode (PUSH0) that an older chain lacks. bytecodeHash none: the same source gives the same bytes.
const fs = require("fs");
const solc = require("solc");

const settings = {
  evmVersion: "paris",
  metadata: { appendCBOR: false, bytecodeHash: "none" },
  optimizer: { enabled: true, runs: 200 },
  outputSelection: { "*": { "*": ["evm.bytecode.object", "evm.deployedBytecode.object"] } },
};
const source = fs.readFileSync("TestTokens.sol", "utf8");
const input = { language: "Solidity", sources: { "TestTokens.sol": { content: source } }, settings };
const findImport = (path) => ({ contents: fs.readFileSync("node_modules/" + path, "utf8") });
const output = JSON.parse(solc.compile(JSON.stringify(input), { import: findImport }));
const complaints = output.errors || [];
if (complaints.length > 0) {
  throw new Error(complaints.map((each) => each.formattedMessage).join("\n"));
}

const contracts = {};
for (const name of ["TestToken", "SilentToken", "SkimmingToken", "RefusingToken"]) {
  const evm = output.contracts["TestTokens.sol"][name].evm;
  contracts[name] = { bytecode: evm.bytecode.object, runtime: evm.deployedBytecode.object };
}
const openzeppelin = require("@openzeppelin/contracts/package.json").version;
delete settings.outputSelection;
const result = { compiler: "solc " + solc.version(), contracts, openzeppelin, settings, source };
process.stdout.write(JSON.stringify(result, null, 1) + "\n");
