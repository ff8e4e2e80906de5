"""The pages of the dashboard, one a file that binds `PAGE`: the name of the file is the address of the page."""
