// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// An honest token of six decimals. Whoever deploys it holds all of it.
contract TestToken is ERC20 {
    constructor() ERC20("Test Dollar", "TUSD") {
        _mint(msg.sender, 1_000_000_000 * 10 ** 6);
    }

    function decimals() public pure override returns (uint8) {
        return 6;
    }
}

/// What the wicked tokens share: balances of their own, since OpenZeppelin's are private and honest.
abstract contract WickedToken {
    event Transfer(address indexed from, address indexed to, uint256 value);

    uint8 public constant decimals = 6;
    uint256 public constant totalSupply = 1_000_000_000 * 10 ** 6;
    mapping(address => uint256) public balanceOf;

    constructor() {
        balanceOf[msg.sender] = totalSupply;
        emit Transfer(address(0), msg.sender, totalSupply);
    }
}

/// Says in its log that it moved the amount, and moves nothing: a deposit credited by the log alone would be out of nothing.
contract SilentToken is WickedToken {
    function transfer(address to, uint256 value) external returns (bool) {
        emit Transfer(msg.sender, to, value);
        return true;
    }
}

/// Says in its log that it moved the whole amount, and keeps one part in a hundred for itself.
contract SkimmingToken is WickedToken {
    function transfer(address to, uint256 value) external returns (bool) {
        balanceOf[msg.sender] -= value;
        uint256 kept = value / 100;
        balanceOf[to] += value - kept;
        balanceOf[address(this)] += kept;
        emit Transfer(msg.sender, to, value);
        return true;
    }
}

/// Answers that it did not move the amount, without failing: the transaction's status is a success.
contract RefusingToken is WickedToken {
    function transfer(address, uint256) external pure returns (bool) {
        return false;
    }
}
